"""What the signature of a call brings back from an earlier answer, and how an answer's calls are signed.

A signature is Google's own, as its OpenAI-compatible endpoint has it in `extra_content`, or one that holds what another vendor
wants back with the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.dialects.thinking_signature import pack_base64, unpack_base64

_NONE = ("", SKIP_SIGNATURE_VALIDATOR.rstrip("="))


def extra_content_of(signature: Any) -> dict[str, Any]:
    """Return the hub's member for a call, or a text, with that signature: {} if it says nothing."""
    held = unpack_base64(signature)
    if held is not None:
        extra = object_of(held.get("extra_content"))
    else:
        own = text_of(signature)
        extra = {} if own.rstrip("=") in _NONE else {"google": {"thought_signature": own}}
    return {"extra_content": extra} if extra else {}


def thinking_of(signature: Any) -> list[dict[str, Any]]:
    """Return the thinking blocks that a signature holds."""
    return objects_of((unpack_base64(signature) or {}).get("thinking_blocks"))


def signature_of(holder: Mapping[str, Any]) -> str:
    """Return Google's signature of a hub message or call, "" if it has none."""
    return text_of(object_of(object_of(holder.get("extra_content")).get("google")).get("thought_signature"))


def call_signature(call: Mapping[str, Any], thinking: list[dict[str, Any]], is_first: bool) -> str:
    """Return the signature of a call, "" for none.

    The first call of an answer holds the thinking before it. It is never without a signature: Google's models refuse a call of
    another vendor that has none.
    """
    extra = object_of(call.get("extra_content"))
    blocks = thinking if is_first else []
    if blocks or extra.keys() - {"google"}:
        held = {"extra_content": extra, "thinking_blocks": blocks}
        return pack_base64({name: value for name, value in held.items() if value})
    return signature_of(call) or (SKIP_SIGNATURE_VALIDATOR if is_first else "")
