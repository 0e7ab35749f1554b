"""The names of members: Google takes them in camel case and in snake case."""

from __future__ import annotations

import re

_UNDERSCORE = re.compile(r"_([a-z0-9])")


def camel_case(name: str) -> str:
    """Return a name in camel case."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name) if "_" in name else name
