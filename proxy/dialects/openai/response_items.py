"""Removes from the input of a response what another provider's model has left in it, which OpenAI rejects."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.request_members import parse_members
from proxy.dialects.hub.sealed_reasoning import PREFIX, is_sealed

_PREFIX = PREFIX.encode()
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def without_sealed_reasoning(request: CallerRequest) -> dict[str, Any]:
    """Return `input` without the reasoning that is sealed for another provider, as a change, or {} if it has none.

    Every other item stays the caller's bytes.
    """
    items = request.body.get("input")
    if _PREFIX not in request.raw or not isinstance(items, list):
        return {}
    raw = _raw_items.decode(parse_members(request.raw)["input"])
    kept = [item for item, value in zip(raw, items, strict=True) if not _is_sealed_item(value)]
    return {"input": msgspec.Raw(_encode(kept))}


def _is_sealed_item(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning" and is_sealed(item.get("encrypted_content"))
