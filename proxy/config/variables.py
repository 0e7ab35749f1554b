"""Replaces `${NAME}`, `${NAME:-default}` and `${file:PATH}` in values of routing.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from proxy.errors import EXHAUSTION_ERRNOS

_VARIABLE = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?)\}")


class UnsetVariableError(Exception):
    """A variable is not set. The message is its name."""


class UnreadableFileError(UnsetVariableError):
    """A file named by `${file:…}` cannot be read. The message contains the path and the reason."""

    def __init__(self, error: OSError) -> None:
        path = str(error.filename)  # a path without a folder may be the secret itself
        super().__init__(f"cannot read {path if '/' in path else 'the file'}: {error.strerror}")
        self.is_local = error.errno in EXHAUSTION_ERRNOS
        """Whether the cause is this process, out of descriptors or memory, and not the file."""


def expand(text: str, environ: Mapping[str, str], read_file: Callable[[str], str]) -> tuple[str, list[str]]:
    """Replace variables, stripping the contents of files. Returns the text and the values put into it.

    Raises UnsetVariableError and UnreadableFileError.
    """
    values: list[str] = []

    def value(match: re.Match[str]) -> str:
        found = read_file(match["file"]).strip() if match["file"] else environ.get(match["name"]) or match["default"]
        if found is None:
            raise UnsetVariableError(match["name"])
        values.append(found)
        return found

    try:
        return _VARIABLE.sub(value, text), values
    except OSError as error:
        raise UnreadableFileError(error) from error
