"""A request to an OpenAI host: the caller's bytes, but for the members that routing must change."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from proxy.dialects.contract import Asking, Call
from proxy.errors import InvalidRequest

PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "images": "/images/generations",
    "moderations": "/moderations",
    "responses": "/responses",
}
_COUNTED = ("chat", "completions")
"""Endpoints whose streams tell their usage only when asked."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def ask(call: Call) -> Asking:
    """Top-level members are replaced, every other subtree stays byte for byte what the caller wrote."""
    return Asking(path=PATHS[call.endpoint], body=replaced(call.raw, _changes(call)))


def _changes(call: Call) -> dict[str, Any]:
    """Usage is always asked for in streams, for the log and the costs; the stage hides it if the caller did not ask."""
    changes: dict[str, Any] = {"model": call.model}
    if call.stream and call.endpoint in _COUNTED:
        changes["stream_options"] = {**(call.body.get("stream_options") or {}), "include_usage": True}
    return changes


def replaced(raw: bytes, changes: dict[str, Any], drop: tuple[str, ...] = ("routing",)) -> bytes:
    """A JSON object with some members replaced or left out; of a repeated member the last counts, as in parsing."""
    try:
        members: dict[str, Any] = _members.decode(raw)
    except RecursionError as error:
        raise InvalidRequest("the body is nested too deep", code="invalid_json") from error
    for name in drop:
        members.pop(name, None)
    for name, value in changes.items():
        members[name] = msgspec.Raw(orjson.dumps(value))
    return _encode(members)
