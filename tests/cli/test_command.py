"""Ports, error reasons and URLs as the commands parse and show them."""

from __future__ import annotations

import socket
from argparse import ArgumentTypeError

import pytest

from proxy.cli.command import CommandError, error_reason, parse_port, strip_userinfo


@pytest.mark.parametrize("text, number", [("0", 0), ("8090", 8090), ("65535", 65535)])
def test_a_port_is_parsed(text, number):
    assert parse_port(text) == number


@pytest.mark.parametrize("text", ["", "-1", "65536", "70000", "x", "1.5", "\u0663"])
def test_an_invalid_port_is_an_error(text):
    with pytest.raises(ArgumentTypeError, match="from 0 to 65535"):
        parse_port(text)


@pytest.mark.parametrize(
    "error, message",
    [
        (OSError(98, "error while attempting to bind on address ('127.0.0.1', 1)"), "address already in use"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "no such file or directory"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (OSError("AF_UNIX path too long"), "af_unix path too long"),
    ],
)
def test_the_reason_is_the_operating_systems_message(error, message):
    assert error_reason(error) == message


def test_the_exit_code_of_an_error_is_1_by_default():
    assert (CommandError("x").exit_code, CommandError("x", 2).exit_code, str(CommandError("x"))) == (1, 2, "x")


@pytest.mark.parametrize(
    "text, shown",
    [
        ("cannot connect to http://user:canary@host:1/v1/route: x", "cannot connect to http://host:1/v1/route: x"),
        ("'https://canary@host' is not a URL", "'https://host' is not a URL"),
        ("http://host/a@b", "http://host/a@b"),
    ],
)
def test_user_and_password_are_removed_from_urls(text, shown):
    assert strip_userinfo(text) == shown
