"""The names of members: Google takes them in camel case and in snake case."""

from __future__ import annotations

import re

_UNDERSCORE = re.compile(r"_([a-z0-9])")
_MAX_LENGTH = 128
"""Characters. No member has a longer name, and a caller's may have millions."""


def camel_case(name: str) -> str:
    """Return a name in camel case. One that is too long for a member stays as it is."""
    if len(name) > _MAX_LENGTH or "_" not in name:
        return name
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)
