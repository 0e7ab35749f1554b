"""The file that a command works on."""

from __future__ import annotations

import os
from argparse import ArgumentParser

from proxy.cli.command import Failure, reason
from proxy.config.document import ConfigError
from proxy.config.files import read_text, read_value
from proxy.control import OWN
from proxy.generation import Generation, Maker
from proxy.pipeline import Ends
from proxy.upstream.attempt import upstream


def argument(parser: ArgumentParser) -> None:
    """`-c FILE`."""
    parser.add_argument("-c", "--config", default="routing.yaml", metavar="FILE", help="default: routing.yaml")


def text(path: str) -> str:
    """The file's text, or a Failure."""
    try:
        return read_text(path)
    except TimeoutError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", exit_code=2) from error
    except OSError as error:
        raise Failure(f"cannot read {path}: {reason(error)}", exit_code=2) from error
    except UnicodeDecodeError as error:
        raise Failure(f"cannot read {path}: it is not UTF-8 at byte {error.start}", exit_code=2) from error


def maker() -> Maker:
    """Generations with this process's environment and files."""
    return Maker(os.environ, read_value, Ends(upstream, OWN))


def generation(path: str) -> Generation:
    """The file's first generation, or a Failure with all that is wrong in it."""
    try:
        return maker().make(text(path), path, 1)
    except ConfigError as error:
        count = len(error.problems)
        raise Failure(f"{count} problem{'s' * (count > 1)} in {path}\n{error}", exit_code=2) from error
