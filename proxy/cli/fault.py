"""`--fault`: which simulated provider is broken from the start, and how."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

import orjson

from proxy.cli.command import CommandError
from proxy.sandbox.faults import FAULTS, InvalidFaultError, parse_fault
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox

FaultOption = tuple[str, Fault]
"""A provider's name ("" for the first), and what is wrong with it."""


def add_fault_argument(parser: ArgumentParser) -> None:
    """Adds the option; it may be given several times."""
    what = f"break one from the start; {', '.join(FAULTS)}, such as openai=status,status=503; no name: the first"
    parser.add_argument(
        "--fault", action="append", default=[], type=_parse_fault, metavar="[NAME=]FAULT[,…]", help=what
    )


def _parse_fault(text: str) -> FaultOption:
    """`stall`, `openai=stall` or `openai=stall,after=5,times=3`."""
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


async def inject_faults(sandbox: Sandbox | None, broken: list[FaultOption]) -> None:
    """Each provider broken as asked. Raises Failure without a sandbox, and for a name that it does not have."""
    if sandbox is None:
        raise CommandError("--fault breaks simulated providers: it needs --sandbox", exit_code=2)
    for name, fault in broken:
        if name and name not in sandbox.names:
            raise CommandError(f"--fault: no provider '{name}'; known: {', '.join(sandbox.names)}", exit_code=2)
        await sandbox.set_fault(name or sandbox.names[0], fault)
