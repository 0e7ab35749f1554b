"""Parses the command line and runs the chosen subcommand.

Only that subcommand's module is imported, so `parrot --help` and `--version` load neither the server nor the sandbox.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from proxy import __version__
from proxy.cli.command import Command, CommandError, error_reason
from proxy.cli.standard_streams import FULL_ERRNOS, discard_output, open_closed_streams, write_error

COMMANDS: Mapping[str, str] = {
    "serve": "run the sidecar",
    "health": "ask a running sidecar whether it is ready",
    "top": "watch the providers of a running sidecar",
    "init": "write a configuration file for the API keys in the environment",
    "check": "validate a configuration file",
    "explain": "show the routing decision for a request",
    "compare": "test prompts at several models, side by side",
    "schema": "print the JSON Schema of the configuration file",
    "sandbox": "run the simulated providers alone",
}
"""Subcommand -> one line of help. `proxy.cli.NAME` has its `COMMAND`."""

_DESCRIPTION = "One endpoint for the LLM calls of your application, routed to your providers by routing.yaml."
_EPILOG = "Start with `parrot serve --sandbox`: simulated providers, no API keys needed."
_BROKEN_PIPE = 128 + 13
"""The exit code that shells report for a process ended by SIGPIPE."""


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser for a command line. Only the subcommand that it names gets its options."""
    parser = argparse.ArgumentParser(prog="parrot", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"parrot {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((argument for argument in argv if not argument.startswith("-")), None)
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary)
        if name == chosen:
            command: Command = import_module(f"proxy.cli.{name}").COMMAND
            subparser.description = command.description
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code: 0 success, 1 failure, 2 invalid usage or configuration."""
    open_closed_streams()
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()  # here and not at exit, where a broken pipe could not be caught
    except BrokenPipeError:
        # The reader of the output has ended, as `head` does. Nothing must be written at exit either.
        discard_output()
        return _BROKEN_PIPE
    except OSError as error:
        if error.errno not in FULL_ERRNOS:
            raise
        discard_output()
        write_error(f"parrot: cannot write to standard output: {error_reason(error)}")
        return 1


def _run(argv: Sequence[str]) -> int:
    arguments = build_parser(argv).parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except CommandError as error:
        write_error(f"parrot: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
