"""Gemini's thought signatures in OpenAI's format: in `extra_content`, as at Google's OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def extra_content(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member with the signature of one of Gemini's parts, or {} if it has none."""
    signature = text_of(part.get("thoughtSignature"))
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def thought_signature(holder: Mapping[str, Any]) -> str | None:
    """Return the signature in a message or a tool call of the history, or None if it has no valid one."""
    google = object_of(object_of(holder.get("extra_content")).get("google"))
    signature = text_of(google.get("thought_signature"))
    return signature if _BASE64.fullmatch(signature) else None
