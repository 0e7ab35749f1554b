"""Tool call ids in the format that Mistral requires: nine letters or digits."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from proxy.dialects.names import digests

_CHARACTERS = (string.digits + string.ascii_letters).encode()
_LENGTH = 9
_BYTE_TO_CHARACTER = bytes(_CHARACTERS[byte % len(_CHARACTERS)] for byte in range(256))
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
    """Return the first bytes of a hash as nine letters or digits."""
    return digest[:_LENGTH].translate(_BYTE_TO_CHARACTER).decode()
