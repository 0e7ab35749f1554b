"""Ids of tool calls as Mistral demands them: nine letters or digits."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from proxy.dialects.names import digests

_DIGITS = string.digits + string.ascii_letters
_LENGTH = 9
_FITS = re.compile(r"[A-Za-z0-9]{9}")


def sanitize_ids(ids: Iterable[str]) -> dict[str, str]:
    """The caller's ids -> Mistral's: the same in every turn of a conversation, no two the same, good ones stay."""
    wanted = list(dict.fromkeys(ids))
    given = {id: id for id in wanted if _FITS.fullmatch(id)}
    taken = set(given)
    for id in wanted:
        if id not in given:
            given[id] = next(short for short in map(_short, digests(id)) if short not in taken)
            taken.add(given[id])
    return given


def _short(digest: bytes) -> str:
    number, digits = int.from_bytes(digest), ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits
