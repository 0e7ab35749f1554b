"""Reads the command line and hands over to a subcommand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from proxy import __version__
from proxy.cli import check, explain, sandbox, schema, serve, top
from proxy.cli.command import CommandError

COMMANDS = (serve.COMMAND, top.COMMAND, check.COMMAND, explain.COMMAND, schema.COMMAND, sandbox.COMMAND)

_ABOUT = "One OpenAI-compatible endpoint beside your application, routed over your providers by routing.yaml."
_HINT = "Start with `parrot serve --sandbox`: simulated providers, no keys needed."


def parser() -> argparse.ArgumentParser:
    """What may stand on the command line."""
    top = argparse.ArgumentParser(prog="parrot", description=_ABOUT, epilog=_HINT)
    top.add_argument("--version", action="version", version=f"parrot {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.description or command.help)
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 failed, 2 wrong usage or a wrong file."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except CommandError as failure:
        print(f"parrot: {failure}", file=sys.stderr)
        return failure.exit_code
    except KeyboardInterrupt:
        return 130
