"""A command neither fails nor blocks because of what its output is: closed, full, or read by nobody."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.standard_streams import open_closed_streams, write_error, write_output
from tests.fakes import routing_yaml
from tests.source import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="uses /dev/full")


def closing(*numbers: int) -> Callable[[], None]:
    """Return what closes these descriptors in a new process."""

    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


def parrot(*argv: str, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-W", "error", "-m", "proxy", *argv], cwd=ROOT, **streams)


def ask(path: Path) -> bytes:
    """Request the list of models over a unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(str(path))
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: sock.recv(65536), b""))


def listens(path: Path) -> bool:
    """Return whether the unix socket accepts connections. Its file appears a moment earlier."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def serves(folder: Path, **streams: Any) -> bool:
    """Return whether `parrot serve` answers requests and ends with 0 on a signal."""
    path, file = folder / "s", folder / "routing.yaml"
    file.write_text(routing_yaml() + f"listen: {{unix: {path}}}\nadmin: {{port: 0}}\n")
    process = parrot("serve", "-c", str(file), "--log-format", "json", **streams)
    try:
        while not listens(path):
            with pytest.raises(subprocess.TimeoutExpired):  # it has not ended
                process.wait(timeout=0.05)
        answers = [ask(path) for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=60) == 0 and {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}
    finally:
        process.kill()
        process.wait()


@linux
@pytest.mark.parametrize("numbers", [(1,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams_do_not_disturb_the_service(numbers: tuple[int, ...], tmp_path: Path) -> None:
    assert serves(tmp_path, preexec_fn=closing(*numbers))


@linux
def test_full_streams_do_not_disturb_the_service(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        assert serves(tmp_path, stdout=full, stderr=full)


@linux
@pytest.mark.parametrize("is_read", [True, False], ids=["stuck reader", "no reader"])
def test_a_pipe_that_nobody_reads_does_not_disturb_the_service(is_read: bool, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    if not is_read:
        os.close(reader)
    try:
        assert serves(tmp_path, stdout=writer, stderr=writer)
    finally:
        os.close(writer)
        if is_read:
            os.close(reader)


@linux
@pytest.mark.parametrize(("argv", "code"), [(["schema"], 1), (["check", "FILE"], 1), (["check", "/no/such/file"], 2)])
def test_a_full_disk_is_one_line_of_a_command_that_only_prints(argv: list[str], code: int, tmp_path: Path) -> None:
    file = tmp_path / "routing.yaml"
    file.write_text(routing_yaml())
    argv = [str(file) if word == "FILE" else word for word in argv]
    with open("/dev/full", "wb") as full:
        process = parrot(*argv, stdout=full, stderr=subprocess.PIPE)
        errors = process.communicate(timeout=20)[1].decode()
        assert process.returncode == code and errors.count("\n") == 1
        if code == 1:
            assert errors == "parrot: cannot write to standard output: no space left on device\n"
        process = parrot(*argv, stdout=full, stderr=full)
        assert process.wait(timeout=20) == code


def test_missing_streams_are_replaced_and_others_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    output = sys.stdout
    monkeypatch.setattr(sys, "stderr", None)
    open_closed_streams()
    with sys.stderr as opened:
        assert opened.name == os.devnull and sys.stdout is output


def test_lines_are_written_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    write_output("räksmörgås")
    write_error("an error")
    assert capsys.readouterr() == ("räksmörgås\n", "an error\n")
