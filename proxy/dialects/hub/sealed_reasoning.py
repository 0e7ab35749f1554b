"""Reasoning that only its provider can read, in one opaque text, for client formats that have a place for no more than that.

The text names its own format, so that the reasoning of OpenAI's models, which is encrypted, is not taken for it. It is
encoded and not encrypted: what is in it is the caller's own conversation.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import MAX_VALUES_IN_TEXT
from proxy.dialects.lenient_json import parse_or_none, serialize
from proxy.json_values import count_values

PREFIX = "parrot-reasoning-1."
"""How a sealed text begins."""


def seal(members: Mapping[str, Any]) -> str:
    """Return the members of a hub message as one text, such as its `thinking_blocks`."""
    return PREFIX + base64.urlsafe_b64encode(serialize(members)).decode()


def is_sealed(text: Any) -> bool:
    """Whether a value is a text that `seal` has made."""
    return text_of(text).startswith(PREFIX)


def unseal(text: Any) -> dict[str, Any]:
    """Return the members in a sealed text, {} for any other value and for one that was changed on its way."""
    if not is_sealed(text):
        return {}
    try:
        data = base64.urlsafe_b64decode(text[len(PREFIX) :].encode("ascii", "replace"))
    except binascii.Error:
        return {}
    return object_of(parse_or_none(data)) if count_values(data, MAX_VALUES_IN_TEXT) <= MAX_VALUES_IN_TEXT else {}
