"""`parrot serve` says where it listens and who serves, or in clear lines why it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from proxy.cli import main
from proxy.cli.main import parser
from proxy.cli.serve import _serve
from tests.fakes import PROVIDER_KEY, text
from tests.source import ROOT


@pytest.fixture
def write(tmp_path):
    def writer(content):
        path = tmp_path / "routing.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return writer


def ended(argv, capsys):
    code = main(["serve", *argv])
    said = capsys.readouterr()
    assert said.out == ""
    return code, said.err


def test_a_file_that_is_not_there_is_one_line(capsys, tmp_path):
    path = str(tmp_path / "nowhere.yaml")
    assert ended(["-c", path], capsys) == (2, f"parrot: cannot read {path}: no such file or directory\n")


def test_a_folder_is_no_file(capsys, tmp_path):
    assert ended(["-c", str(tmp_path)], capsys) == (2, f"parrot: cannot read {tmp_path}: is a directory\n")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_line(capsys, write):
    path = write(text())
    os.chmod(path, 0)
    assert ended(["-c", path], capsys) == (2, f"parrot: cannot read {path}: permission denied\n")


def test_a_file_that_is_not_utf_8_is_one_line(capsys, write):
    path = write(b"pipeline: \xff\xfe")
    assert ended(["-c", path], capsys) == (2, f"parrot: cannot read {path}: it is not UTF-8 at byte 10\n")


def test_of_a_broken_file_every_problem_is_shown_with_its_place(capsys, write):
    path = write(text().replace("dialect: openai", "dialekt: openai", 1).replace("failover", "{failover: {x: 1}}"))
    code, said = ended(["-c", path], capsys)
    first, *problems = said.splitlines()
    assert (code, first) == (2, f"parrot: 3 problems in {path}")
    assert [line.removeprefix(f"{path}:") for line in problems] == [
        "2:86: pipeline[5].failover.x: unknown key; known: max_retries",
        "4:6: providers.a.dialect: is missing",
        "4:7: providers.a.dialekt: unknown key; did you mean 'dialect'?",
    ]


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "1:1: the file is empty"),
        ("a: [", "2:1: not YAML: "),
        ("- a\n", "1:1: expected a mapping with keys such as"),
    ],
)
def test_a_file_that_is_no_table_is_one_problem(content, said, capsys, write):
    code, shown = ended(["-c", write(content)], capsys)
    assert code == 2
    assert "parrot: 1 problem in " in shown and said in shown


def test_no_key_is_shown_of_a_file_with_problems(capsys, write):
    _, said = ended(["-c", write(text().replace("regions", "regionz"))], capsys)
    assert PROVIDER_KEY not in said


def test_a_busy_port_is_one_line(capsys, write):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        code, said = ended(["-c", write(text()), "--port", str(port)], capsys)
    assert (code, said) == (1, f"parrot: cannot listen on 127.0.0.1:{port}: address already in use\n")


@pytest.mark.parametrize(
    "unix, said", [("/no/such/folder/x", "no such file or directory"), ("/tmp/" + "x" * 200, "path too long")]
)
def test_a_socket_that_cannot_be_made_is_one_line(unix, said, capsys, write):
    code, shown = ended(["-c", write(text() + f"listen: {{unix: {unix}}}\n")], capsys)
    assert code == 1
    assert shown.startswith(f"parrot: cannot listen on {unix}: ") and shown.endswith(f"{said}\n")


def test_open_to_the_network_without_keys_is_one_line(capsys, write):
    path = write(text())
    code, said = ended(["-c", path, "--host", "0.0.0.0"], capsys)
    assert code == 2
    assert said.startswith(f"parrot: {path}: listen: host 0.0.0.0 is reachable from outside and no key is asked for; ")
    assert said.count("\n") == 1


async def served(argv, capsys):
    stopped = asyncio.Event()
    stopped.set()
    assert await _serve(parser().parse_args(["serve", *argv]), stopped) == 0
    return capsys.readouterr().out


async def test_says_where_it_listens_who_serves_and_how_to_try_it(capsys, write):
    file = text().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"', 1)
    path = write(file)
    said = await served(["-c", path, "--port", "0"], capsys)
    assert " listens on http://127.0.0.1:" in said and f", routed by {path}\n" in said
    assert "  providers: b, c\n  disabled: a (PARROT_NO_SUCH_KEY is not set)\n" in said
    assert "/v1/chat/completions" in said and '"model": "m"' in said
    assert PROVIDER_KEY not in said


async def test_simulated_providers_need_no_keys(capsys, write):
    said = await served(
        ["-c", write(text().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"')), "--sandbox", "--port", "0"], capsys
    )
    assert "  simulated providers: a, b, c\n" in said and "disabled" not in said


async def test_listens_on_a_unix_socket_unless_told_a_port(capsys, write, tmp_path):
    path = write(text() + f"listen: {{unix: {tmp_path}/s}}\n")
    said = await served(["-c", path], capsys)
    assert f"listens on unix:{tmp_path}/s," in said
    assert f"curl --unix-socket {tmp_path}/s http://localhost/v1" in said
    assert " listens on http://127.0.0.1:" in await served(["-c", path, "--port", "0"], capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM kills there")
def test_the_command_serves_until_it_is_told_to_stop(write):
    argv = [sys.executable, "-W", "error", "-m", "proxy", "serve", "-c", write(text()), "--sandbox", "--port", "0"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert " listens on http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
