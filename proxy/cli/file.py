"""Reads and loads the configuration file for a command. Every failure is a CommandError."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from proxy.cli.command import CommandError, error_reason
from proxy.config.document import ConfigError
from proxy.config.files import read_text, read_value
from proxy.control import LOCAL_ENDPOINTS
from proxy.generation import Generation, GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.upstream.call import make_start_call

DEFAULT = "routing.yaml"
EXAMPLE = str(Path(__file__).with_name("example.yaml"))
"""The file of this package that the sandbox serves where there is no other."""

_NONE = f"""no {DEFAULT} in this folder
  parrot init             writes one from the API keys in the environment
  parrot serve --sandbox  needs none: it serves an example with simulated providers
  -c FILE                 names another file"""


def add_config_argument(parser: ArgumentParser) -> None:
    """Add the argument `FILE`, and the option `-c FILE` for the same."""
    parser.add_argument("file", nargs="?", metavar="FILE", help=f"the configuration (default: {DEFAULT})")
    parser.add_argument("-c", "--config", metavar="FILE", help="the same")


def config_path(arguments: Namespace) -> str:
    """Return the file that a command line names, else the default one, or with `--sandbox` the example.

    Raises CommandError if there is none.
    """
    if arguments.file and arguments.config:
        raise CommandError("name the configuration once: FILE or -c FILE", exit_code=2)
    if given := arguments.file or arguments.config:
        return str(given)
    if os.path.lexists(DEFAULT):
        return DEFAULT
    if getattr(arguments, "sandbox", False):
        return EXAMPLE
    raise CommandError(_NONE, exit_code=2)


def read_file(path: str) -> str:
    """Read a text file. Raises CommandError with the reason."""
    try:
        return read_text(path)
    except TimeoutError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", exit_code=2) from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error_reason(error)}", exit_code=2) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {path}: it is not UTF-8 at byte {error.start}", exit_code=2) from error


def generation_factory() -> GenerationFactory:
    """Return a factory that reads this process's environment and files."""
    return GenerationFactory(os.environ, read_value, PipelineTerminals(make_start_call, LOCAL_ENDPOINTS))


def load_generation(path: str, *, checks_listener: bool = False) -> Generation:
    """Load a file as generation 1. Raises CommandError that lists every problem in it."""
    try:
        factory = replace(generation_factory(), checks_listener=checks_listener)
        return factory.build(read_file(path), path, 1)
    except ConfigError as error:
        raise invalid(error) from error


def invalid(error: ConfigError) -> CommandError:
    """Return the error of a command whose file is invalid."""
    count = len(error.problems)
    return CommandError(f"{count} problem{'s' * (count > 1)} in {error.name}\n{error}", exit_code=2)
