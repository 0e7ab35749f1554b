"""Signatures that no vendor has made: they say what the next turn needs from this one.

Anthropic's clients send thinking blocks back unchanged, and Google's the signatures of calls. So such a signature brings back
what the hub's format has no place for in a history of theirs, such as the thought signature of another vendor's tool call.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.lenient_json import parse_or_none, serialize

PREFIX = "parrot."
"""What every one begins with. A vendor's own are base64, which has no dot."""
BASE64_MARK = b64encode(PREFIX[:6].encode())
"""How those begin that are base64, in either alphabet."""


def pack(members: Mapping[str, Any]) -> str:
    """Return the signature that holds these members."""
    return PREFIX + urlsafe_b64encode(serialize(members)).decode().rstrip("=")


def unpack(signature: Any) -> dict[str, Any] | None:
    """Return the members that a signature holds, {} if they are not readable, or None for a vendor's own signature."""
    if not isinstance(signature, str) or not signature.startswith(PREFIX):
        return None
    encoded = signature.removeprefix(PREFIX)
    try:
        return object_of(parse_or_none(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))
    except ValueError:
        return {}


def pack_base64(members: Mapping[str, Any]) -> str:
    """Return the signature that holds these members, for formats in which signatures are bytes."""
    return b64encode(PREFIX.encode() + serialize(members)).decode()


def unpack_base64(signature: Any) -> dict[str, Any] | None:
    """Return what `unpack` does, of a signature of `pack_base64`. Clients may have written it in base64's other alphabet."""
    if not isinstance(signature, str) or not signature.startswith(BASE64_MARK.decode()):
        return None
    encoded = signature.translate(_URL_SAFE)
    try:
        data = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        return None
    return object_of(parse_or_none(data.removeprefix(PREFIX.encode()))) if data.startswith(PREFIX.encode()) else None


_URL_SAFE = str.maketrans("+/", "-_")
