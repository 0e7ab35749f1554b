"""The command line: help, version, usage errors, exit codes, and which modules a command imports."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from proxy import __version__
from proxy.cli import main
from proxy.cli.command import Command, CommandError
from proxy.cli.main import COMMANDS
from tests.fakes import routing_yaml
from tests.source import ROOT


def usage(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    return caught.value.code, "".join(capsys.readouterr())


def test_help_lists_every_command_and_a_first_one_to_try(capsys):
    code, text = usage(["--help"], capsys)
    assert code == 0
    for name, summary in COMMANDS.items():
        assert name in text and summary in text
    assert "parrot serve --sandbox" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_own_help(name, capsys):
    code, text = usage([name, "--help"], capsys)
    assert code == 0
    assert f"usage: parrot {name}" in text
    description = import_module(f"proxy.cli.{name}").COMMAND.description
    assert " ".join(description.split()) in " ".join(text.split())


@pytest.mark.parametrize(
    "command, words",
    [
        ("serve", ["--config", "--host", "--port", "--sandbox", "--log-format", "default: routing.yaml"]),
        ("sandbox", ["NAME=DIALECT:PORT"]),
    ],
)
def test_the_help_names_every_option(command, words, capsys):
    _, text = usage([command, "--help"], capsys)
    assert not [word for word in words if word not in text]


def test_the_version_is_the_packages(capsys):
    assert usage(["--version"], capsys) == (0, f"parrot {__version__}\n")


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["serve", "--colour"], "unrecognized arguments: --colour"),
        (["serve", "--port", "x"], "argument --port: the port must be a number from 0 to 65535, got 'x'"),
        (["serve", "--port", "70000"], "argument --port: the port must be a number from 0 to 65535, got '70000'"),
        (["serve", "--log-format", "xml"], "invalid choice: 'xml'"),
        (["sandbox", "latin"], "argument PROVIDER: no dialect 'latin'; known: "),
    ],
)
def test_invalid_usage_ends_with_2_and_a_message(argv, message, capsys):
    code, text = usage(argv, capsys)
    assert code == 2
    assert message in text


@pytest.mark.parametrize(
    "error, code, message",
    [
        (CommandError("it broke"), 1, "parrot: it broke\n"),
        (CommandError("x", 2), 2, "parrot: x\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error, code, message, capsys, monkeypatch):
    def fail(arguments):
        raise error

    monkeypatch.setattr("proxy.cli.schema.COMMAND", Command(lambda parser: None, fail, "fails"))
    assert main(["schema"]) == code
    assert capsys.readouterr().err == message


def parrot(*argv, code="from proxy.cli import main; sys.exit(main(sys.argv[1:]))", stdout=subprocess.PIPE, buffer=True):
    """Run a command line in a process of its own."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, *([] if buffer else ["-u"]), "-W", "error", "-c", f"import sys; {code}", *argv],
        stdout=stdout, stderr=subprocess.PIPE, cwd=ROOT, env=environ, timeout=50, check=False,
    )  # fmt: skip


IMPORTED = """
try:
    from proxy.cli import main
    main(sys.argv[1:])
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""
HEAVY = {"aiohttp", "structlog", "yaml", "msgspec", "rich", "prometheus_client", "proxy.server", "proxy.sandbox"}


@pytest.mark.parametrize(
    ("argv", "excluded"),
    [
        (["--version"], HEAVY),
        (["--help"], HEAVY),
        (["health", "--help"], HEAVY),
        (["serve", "--help"], {"proxy.sandbox"}),
        (["check"], {"proxy.sandbox"}),
        (["explain", "--model", "gpt-4"], {"proxy.sandbox", "proxy.server"}),
        (["schema"], {"proxy.sandbox", "proxy.server"}),
        (["sandbox", "--help"], {"proxy.server"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_only_what_it_needs(argv: list[str], excluded: set[str]) -> None:
    modules = parrot(*argv, code=f"exec({IMPORTED!r})").stderr.decode().splitlines()[-1].split()
    assert "proxy.cli.main" in modules
    assert excluded & set(modules) == set()


@pytest.mark.parametrize("buffer", [True, False], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "argv",
    [
        ["schema"],
        ["check", "FILE"],
        ["explain", "-c", "FILE", "--model", "m"],
        ["sandbox", "openai"],
    ],
    ids=" ".join,
)
def test_a_closed_pipe_ends_a_command_without_a_traceback(argv: list[str], buffer: bool, tmp_path: Path) -> None:
    file = tmp_path / "routing.yaml"
    file.write_text(routing_yaml())
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = parrot(*[str(file) if word == "FILE" else word for word in argv], stdout=writer, buffer=buffer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr.decode()) == (141, "")


def test_help_into_a_closed_pipe_is_no_traceback_either() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert parrot("--help", stdout=writer).stderr == b""
    finally:
        os.close(writer)


@pytest.mark.parametrize(("extra", "package"), [("cli", "rich"), ("otel", "opentelemetry-sdk"), ("client", "openai")])
def test_the_extras_that_hints_name_exist(extra: str, package: str) -> None:
    setup = (ROOT / "setup.cfg").read_text()
    section = setup.partition("[options.extras_require]")[2].partition("\n[")[0]
    extras = {part.split(" =")[0]: part.split() for part in section.replace("\n    ", " ").strip().splitlines()}
    assert package in extras[extra] and "name = parrot-sidecar\n" in setup
