"""Signatures of thinking blocks that no vendor has signed: they say what the next turn needs from this one.

Anthropic's clients send thinking blocks back unchanged, so such a signature brings back what the hub's format has no
place for in a history of Anthropic's blocks, such as the thought signature of another vendor's tool call.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.lenient_json import parse_or_none, serialize

PREFIX = "parrot."
"""What every one begins with. A vendor's own are base64, which has no dot."""


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
