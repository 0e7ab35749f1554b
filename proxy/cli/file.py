"""Reads and loads the configuration file for a command. Every failure is a CommandError."""

from __future__ import annotations

import os
from argparse import ArgumentParser

from proxy.cli.command import CommandError, error_reason
from proxy.config.document import ConfigError
from proxy.config.files import read_text, read_value
from proxy.control import LOCAL_ENDPOINTS
from proxy.generation import Generation, GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.upstream.call import make_start_call


def add_config_argument(parser: ArgumentParser) -> None:
    """Add the option `-c FILE`."""
    parser.add_argument("-c", "--config", default="routing.yaml", metavar="FILE", help="default: routing.yaml")


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


def load_generation(path: str) -> Generation:
    """Load a file as generation 1. Raises CommandError that lists every problem in it."""
    try:
        return generation_factory().build(read_file(path), path, 1)
    except ConfigError as error:
        count = len(error.problems)
        raise CommandError(f"{count} problem{'s' * (count > 1)} in {path}\n{error}", exit_code=2) from error
