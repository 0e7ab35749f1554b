"""Replaces `${NAME}`, `${NAME:-default}` and `${file:PATH}` in a value of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from proxy.errors import EXHAUSTION_ERRNOS

_VARIABLE = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?)\}")


class UnsetVariableError(Exception):
    """A variable has no value."""


class UnreadableFileError(UnsetVariableError):
    """A file that should hold a value cannot be read; the message names it and says why."""

    def __init__(self, error: OSError) -> None:
        path = str(error.filename)  # one without a folder may be the key itself
        super().__init__(f"cannot read {path if '/' in path else 'the file'}: {error.strerror}")
        self.is_local = error.errno in EXHAUSTION_ERRNOS
        """Whether nothing is wrong with the file: this process is out of descriptors or memory."""


def expand(text: str, environ: Mapping[str, str], read_file: Callable[[str], str]) -> tuple[str, list[str]]:
    """Return the text with its variables replaced, files without white space around them, and what they stand for.

    Raises Unset and Unreadable."""
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
