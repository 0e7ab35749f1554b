"""`parrot sandbox`: runs the simulated providers alone."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from functools import partial

from proxy.cli import fault
from proxy.cli.command import Command, CommandError, error_reason, parse_port
from proxy.cli.loop import run
from proxy.sandbox import SIMULATIONS
from proxy.sandbox.faults import FAULTS
from proxy.sandbox.server import Sandbox

_DESCRIPTION = f"Simulated providers on loopback, one port each, until stopped. Faults: {', '.join(FAULTS)}."


def _parse_provider(text: str) -> tuple[str, str, int]:
    """Parse `NAME`, `NAME=DIALECT` or `NAME=DIALECT:PORT`."""
    name, _, rest = text.partition("=")
    dialect, _, number = rest.partition(":")
    dialect = dialect or name
    if dialect not in SIMULATIONS:
        raise ArgumentTypeError(f"no dialect '{dialect}'; known: {', '.join(SIMULATIONS)}")
    return name, dialect, parse_port(number or "0")


def _add_arguments(parser: ArgumentParser) -> None:
    what = "NAME, NAME=DIALECT or NAME=DIALECT:PORT (default: one of each dialect on free ports)"
    control = "port of the control API that sets faults while it runs (default: a free port)"
    parser.add_argument("--control-port", type=int, default=0, metavar="PORT", help=control)
    fault.add_fault_argument(parser)
    parser.add_argument("provider", nargs="*", type=_parse_provider, metavar="PROVIDER", help=what)


def _run(arguments: Namespace) -> int:
    return run(partial(_simulate, arguments))


async def _simulate(arguments: Namespace, stopped: asyncio.Event) -> int:
    providers = arguments.provider or [(name, name, 0) for name in SIMULATIONS]
    try:
        sandbox = await Sandbox.start(
            {name: dialect for name, dialect, _ in providers},
            {name: port for name, _, port in providers},
            control_port=arguments.control_port,
        )
    except OSError as error:
        raise CommandError(f"cannot simulate: {error_reason(error)}") from error
    try:
        await fault.inject_faults(sandbox, arguments.fault)
        for name, dialect, _ in providers:
            print(f"{name} ({dialect}): base_url {sandbox.base_url(name)}")
        print(f"control: {sandbox.control_url} (GET shows, PUT /providers/NAME breaks, DELETE restores)", flush=True)
        await stopped.wait()
    finally:
        await sandbox.close()
    return 0


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
