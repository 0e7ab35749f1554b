"""Any file is read within its time and size limits."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.config import files
from proxy.config.document import MAX_FILE_BYTES
from proxy.config.files import MAX_VALUE_BYTES, call_with_timeout, read_text, read_value

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")


def error_text(read: Callable[[str], str], path: Path | str) -> str:
    """Return the error text of a file that cannot be read."""
    with pytest.raises(OSError) as caught:
        read(str(path))
    assert caught.value.filename == str(path)
    return caught.value.strerror or ""


# Values


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"sk-1", "sk-1"),
        (b" sk-1 \r\n\n", "sk-1"),
        (b"\xef\xbb\xbfsk-1\r\n", "sk-1"),
        ("\u00fc".encode(), "\u00fc"),
        (b"a\nb\n", "a\nb"),
        (b"", ""),
        (b"x" * MAX_VALUE_BYTES, "x" * MAX_VALUE_BYTES),
    ],
)
def test_a_value_is_stripped_of_white_space(content: bytes, value: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    assert read_value(str(tmp_path / "key")) == value


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1")
    (tmp_path / "link").symlink_to("key")
    assert read_value(str(tmp_path / "link")) == "sk-1"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    assert error_text(read_value, tmp_path / "none") == "No such file or directory"


def test_a_large_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with open(tmp_path / "key", "wb") as file:
        file.truncate(10**12)  # sparse: uses no disk space
    assert error_text(read_value, tmp_path / "key") == f"it is over {MAX_VALUE_BYTES} bytes"


def test_invalid_utf8_is_refused_without_showing_bytes(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"sk-\xff")
    assert error_text(read_value, tmp_path / "key") == "it is not UTF-8 at byte 3"


@pytest.mark.parametrize("path", ["a\0b", "\udcff\ud800"])
def test_an_invalid_path_is_refused(path: str) -> None:
    assert error_text(read_value, path) in ("it is not a valid path", "No such file or directory")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@posix
@pytest.mark.parametrize(
    ("make", "kind"),
    [(fifo, "a FIFO"), (device, "a device"), (unix_socket, "a socket"), (Path.mkdir, "a directory")],
)
def test_a_special_file_is_refused_without_opening_it(make: Callable[[Path], None], kind: str, tmp_path: Path) -> None:
    make(tmp_path / "key")
    assert error_text(read_value, tmp_path / "key") == f"it is {kind}, not a regular file"


@posix
def test_a_file_replaced_by_a_fifo_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "key")
    (tmp_path / "other").touch()
    before = os.stat(tmp_path / "other")
    monkeypatch.setattr(files.os, "stat", lambda path: before)
    assert error_text(read_value, tmp_path / "key") == "it is a FIFO, not a regular file"


# routing.yaml


def test_the_whole_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_bytes(b" a: \xc3\xbc\r\n")
    assert read_text(str(tmp_path / "routing.yaml")) == " a: \u00fc\r\n"


def test_a_text_with_invalid_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(str(tmp_path / "routing.yaml"))


def test_a_long_text_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_bytes(b"\xc3\xbc" * MAX_FILE_BYTES)  # the end of what is read is half a character
    assert MAX_FILE_BYTES < len(read_text(str(tmp_path / "routing.yaml")).encode()) < MAX_FILE_BYTES + 10


@posix
def test_an_endless_file_is_read_up_to_the_limit() -> None:
    assert len(read_text("/dev/zero")) == MAX_FILE_BYTES + 1


@posix
def test_a_text_is_read_from_a_pipe_in_parts() -> None:
    out, into = os.pipe()

    def write() -> None:
        for part in (b"a: ", b"\xc3", b"\xbc"):
            os.write(into, part)
        os.close(into)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_text(f"/dev/fd/{out}") == "a: \u00fc"
    writer.join()
    os.close(out)


@posix
def test_a_silent_pipe_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "TEXT_TIMEOUT_S", 0.02)
    os.mkfifo(tmp_path / "routing.yaml")
    assert error_text(read_text, tmp_path / "routing.yaml") == "it could not be read within 0.02 s"
    os.close(os.open(tmp_path / "routing.yaml", os.O_WRONLY))  # ends the thread


# Calls that may block


def test_a_blocking_call_times_out_and_blocks_one_thread_only() -> None:
    go, calls = threading.Event(), []

    def block() -> str:
        calls.append(1)
        go.wait(60)
        return "late"

    for _ in range(3):
        with pytest.raises(TimeoutError) as caught:
            call_with_timeout(0.01, "/mnt/hung", block)
        assert caught.value.errno == errno.ETIMEDOUT
    assert len(calls) == 1
    go.set()
    files._blocked_threads["/mnt/hung"].join()
    assert call_with_timeout(10, "/mnt/hung", lambda: "recovered") == "recovered"


def test_a_call_returns_and_raises_in_the_callers_thread() -> None:
    assert call_with_timeout(10, "x", lambda: 3) == 3
    with pytest.raises(KeyError):
        call_with_timeout(10, "x", lambda: {}["x"])
