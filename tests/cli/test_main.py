"""The command line helps, hands over, and ends with one clear line and the right code."""

from __future__ import annotations

from importlib import import_module

import pytest

from proxy import __version__
from proxy.cli import main
from proxy.cli.command import Command, CommandError
from proxy.cli.main import COMMANDS

module = import_module("proxy.cli.main")


def usage(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    return caught.value.code, "".join(capsys.readouterr())


def test_help_names_every_command_and_where_to_start(capsys):
    code, said = usage(["--help"], capsys)
    assert code == 0
    for command in COMMANDS:
        assert command.name in said and command.help in said
    assert "parrot serve --sandbox" in said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_help_of_its_own(command, capsys):
    code, said = usage([command.name, "--help"], capsys)
    assert code == 0
    assert f"usage: parrot {command.name}" in said
    assert " ".join((command.description or command.help).split()) in " ".join(said.split())


@pytest.mark.parametrize(
    "command, words",
    [
        ("serve", ["--config", "--host", "--port", "--sandbox", "--log-format", "default: routing.yaml"]),
        ("sandbox", ["NAME=DIALECT:PORT"]),
    ],
)
def test_the_help_names_every_option(command, words, capsys):
    _, said = usage([command, "--help"], capsys)
    assert not [word for word in words if word not in said]


def test_the_version_is_the_packages(capsys):
    assert usage(["--version"], capsys) == (0, f"parrot {__version__}\n")


@pytest.mark.parametrize(
    "argv, said",
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
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(argv, said, capsys):
    code, shown = usage(argv, capsys)
    assert code == 2
    assert said in shown


@pytest.mark.parametrize(
    "raised, code, said",
    [
        (CommandError("it broke"), 1, "parrot: it broke\n"),
        (CommandError("x", 2), 2, "parrot: x\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_ends_a_command_is_one_line_and_a_code(raised, code, said, capsys, monkeypatch):
    def end(arguments):
        raise raised

    monkeypatch.setattr(module, "COMMANDS", (Command("fall", "falls", lambda parser: None, end),))
    assert main(["fall"]) == code
    assert capsys.readouterr().err == said
