"""Tool call ids in the format that Mistral requires: nine letters or digits."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from proxy.dialects.names import digests

_DIGITS = string.digits + string.ascii_letters
_LENGTH = 9
_VALID = re.compile(r"[A-Za-z0-9]{9}")


def sanitize_ids(ids: Iterable[str]) -> dict[str, str]:
    """Map the caller's ids to valid ones: unique, the same in every turn of a conversation, unchanged where already valid."""
    distinct = list(dict.fromkeys(ids))
    valid = {id: id for id in distinct if _VALID.fullmatch(id)}
    taken = set(valid)
    for id in distinct:
        if id not in valid:
            valid[id] = next(short for short in map(_short_id, digests(id)) if short not in taken)
            taken.add(valid[id])
    return valid


def _short_id(digest: bytes) -> str:
    """Return a hash as nine letters or digits (its number in base 62)."""
    number, digits = int.from_bytes(digest), ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits
