"""`--fault` breaks a simulated provider from the start."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from proxy.cli.command import CommandError
from proxy.cli.fault import add_fault_argument, inject_faults
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox


def parse(*words: str) -> list[tuple[str, Fault]]:
    parser = ArgumentParser()
    add_fault_argument(parser)
    faults: list[tuple[str, Fault]] = parser.parse_args([part for word in words for part in ("--fault", word)]).fault
    return faults


@pytest.mark.parametrize(
    ("word", "option"),
    [
        ("down", ("", Fault("down"))),
        ("openai=stall", ("openai", Fault("stall"))),
        ("openai=status,status=503,times=3", ("openai", Fault("status", status=503, times=3))),
        ("openai=cut,after=5", ("openai", Fault("cut", after=5))),
    ],
)
def test_a_fault_is_parsed_with_its_options(word: str, option: tuple[str, Fault]) -> None:
    assert parse(word) == [option]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("broken", "unknown fault 'broken'; allowed: slow"),
        ("cut,status=500", "not an option of fault 'cut'"),
        ("cut,after=x", "after"),
    ],
)
def test_an_invalid_fault_is_an_error(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(word)
    assert message in capsys.readouterr().err


async def test_without_a_name_the_first_provider_is_broken() -> None:
    sandbox = await Sandbox.start({"a": "openai", "b": "openai"})
    try:
        await inject_faults(sandbox, parse("stall", "b=down"))
        assert [sandbox.scenario(name).fault for name in "ab"] == [Fault("stall"), Fault("down")]
        with pytest.raises(CommandError, match="no provider 'x'; known: a, b"):
            await inject_faults(sandbox, parse("x=down"))
    finally:
        await sandbox.close()
