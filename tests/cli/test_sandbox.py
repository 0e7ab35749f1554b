"""`parrot sandbox` prints the address of each simulated provider, or the reason why it cannot start."""

from __future__ import annotations

import asyncio
import socket
from argparse import ArgumentTypeError, Namespace

import pytest

from proxy.cli import main
from proxy.cli.sandbox import _parse_provider, _simulate
from proxy.sandbox import SIMULATIONS


@pytest.mark.parametrize(
    "text, provider",
    [
        ("openai", ("openai", "openai", 0)),
        ("groq=openai", ("groq", "openai", 0)),
        ("groq=openai:8001", ("groq", "openai", 8001)),
        ("openai=:8001", ("openai", "openai", 8001)),
    ],
)
def test_a_provider_argument_is_a_name_a_dialect_and_a_port(text, provider):
    assert _parse_provider(text) == provider


@pytest.mark.parametrize(
    "text, message", [("groq", "no dialect 'groq'"), ("a=openai:x", "port"), ("openai=:70000", "port")]
)
def test_an_invalid_provider_argument_is_an_error(text, message):
    with pytest.raises(ArgumentTypeError, match=message):
        _parse_provider(text)


@pytest.mark.parametrize("providers, names", [([], list(SIMULATIONS)), ([("groq", "openai", 0)], ["groq"])])
async def test_it_prints_the_address_of_each_provider_and_stops_with_the_event(providers, names, capsys):
    stopped = asyncio.Event()
    stopped.set()
    assert await _simulate(Namespace(provider=providers, control_port=0, fault=[]), stopped) == 0
    *lines, control = capsys.readouterr().out.splitlines()
    assert control.startswith("control: http://127.0.0.1:")
    assert [line.split(" ")[0] for line in lines] == names
    assert all(": base_url http://127.0.0.1:" in line for line in lines)


def test_a_busy_port_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        assert main(["sandbox", f"openai=openai:{busy.getsockname()[1]}"]) == 1
    assert capsys.readouterr().err == "parrot: cannot simulate: address already in use\n"
