"""A provider can be broken from the start, so that an outage is rehearsed with one command."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from proxy.cli.command import CommandError
from proxy.cli.fault import add_fault_argument, inject_faults
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox


def parsed(*words: str) -> list[tuple[str, Fault]]:
    parser = ArgumentParser()
    add_fault_argument(parser)
    broken: list[tuple[str, Fault]] = parser.parse_args([part for word in words for part in ("--fault", word)]).fault
    return broken


@pytest.mark.parametrize(
    ("word", "broken"),
    [
        ("down", ("", Fault("down"))),
        ("openai=stall", ("openai", Fault("stall"))),
        ("openai=status,status=503,times=3", ("openai", Fault("status", status=503, times=3))),
        ("openai=cut,after=5", ("openai", Fault("cut", after=5))),
    ],
)
def test_a_fault_is_named_with_its_options(word: str, broken: tuple[str, Fault]) -> None:
    assert parsed(word) == [broken]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("broken", "unknown fault 'broken'; allowed: slow"),
        ("cut,status=500", "not an option of fault 'cut'"),
        ("cut,after=x", "after"),
    ],
)
def test_what_no_fault_is_called_is_refused(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(word)
    assert said in capsys.readouterr().err


async def test_the_first_is_broken_where_no_name_is_given() -> None:
    sandbox = await Sandbox.start({"a": "openai", "b": "openai"})
    try:
        await inject_faults(sandbox, parsed("stall", "b=down"))
        assert [sandbox.scenario(name).fault for name in "ab"] == [Fault("stall"), Fault("down")]
        with pytest.raises(CommandError, match="no provider 'x'; known: a, b"):
            await inject_faults(sandbox, parsed("x=down"))
    finally:
        await sandbox.close()


async def test_a_real_provider_is_not_broken() -> None:
    with pytest.raises(CommandError, match="needs --sandbox"):
        await inject_faults(None, parsed("down"))
