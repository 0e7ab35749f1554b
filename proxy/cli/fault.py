"""The option `--fault`: breaks a simulated provider from the start."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING

import orjson

from proxy.cli.command import CommandError

if TYPE_CHECKING:
    from proxy.sandbox.scenario import Fault
    from proxy.sandbox.server import Sandbox

FaultOption = tuple[str, "Fault"]
"""A provider's name ("" for the first one), and its fault."""


def add_fault_argument(parser: ArgumentParser) -> None:
    """Add the repeatable option `--fault`."""
    what = "break a provider from the start, such as openai=status,status=503 (without NAME: the first one, repeatable)"
    parser.add_argument(
        "--fault", action="append", default=[], type=_parse_fault, metavar="[NAME=]FAULT[,…]", help=what
    )


def _parse_fault(text: str) -> FaultOption:
    """Parse `stall`, `openai=stall` or `openai=stall,after=5,times=3`."""
    from proxy.sandbox.faults import InvalidFaultError, parse_fault

    fault, *options = text.split(",")
    name, _, kind = fault.rpartition("=")
    members = {"fault": kind, **{key: _value(value) for key, _, value in (each.partition("=") for each in options)}}
    try:
        return name, parse_fault(members)
    except InvalidFaultError as error:
        raise ArgumentTypeError(str(error)) from error


def _value(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


async def inject_faults(sandbox: Sandbox, faults: list[FaultOption]) -> None:
    """Break each provider as the options say. Raises CommandError for an unknown provider."""
    for name, fault in faults:
        if name and name not in sandbox.names:
            raise CommandError(f"--fault: no provider '{name}'; known: {', '.join(sandbox.names)}", exit_code=2)
        await sandbox.set_fault(name or sandbox.names[0], fault)
