"""Builds the request of a caller who speaks the Messages API: the caller's bytes, under the target's model name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.dialects.coerce import object_of, objects_of
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.params import drop_warnings
from proxy.dialects.hub.request_members import parse_members, replace_members
from proxy.dialects.lenient_json import serialize
from proxy.dialects.thinking_signature import PREFIX, unpack

PATHS: Mapping[str, str] = {"messages": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}

_MARK = f'"{PREFIX}'.encode()
_raw_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def native_request(call: CallerRequest) -> ProviderRequest:
    """Replace the model's name, and remove the thinking of other vendors' models, which Anthropic has not signed."""
    changes: dict[str, Any] = {"model": call.model}
    messages = call.body.get("messages")
    if _MARK in call.raw and isinstance(messages, list):
        messages = _without_foreign_thinking(messages)
        changes["messages"] = _encoded(messages, call)
    drop = () if _may_think(call.body, messages) else ("thinking",)
    body = replace_members(call.raw, changes, drop=("routing", *drop))
    return ProviderRequest(PATHS[call.endpoint], body, warnings=drop_warnings(drop))


def _encoded(messages: list[Any], call: CallerRequest) -> msgspec.Raw:
    """Serialise messages. Those that are unchanged keep their bytes."""
    raw = _raw_items(parse_members(call.raw)["messages"])
    originals = {id(message): text for message, text in zip(call.body["messages"], raw, strict=True)}
    return msgspec.Raw(_encode([originals.get(id(each)) or msgspec.Raw(serialize(each)) for each in messages]))


def _without_foreign_thinking(messages: list[Any]) -> list[Any]:
    """Return the messages without such blocks, and without a message that has no other."""
    cleaned = map(_cleaned, messages)
    return [message for message in cleaned if not isinstance(message, dict) or message.get("content") != []]


def _cleaned(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    kept = [block for block in content if unpack(object_of(block).get("signature")) is None]
    return message if len(kept) == len(content) else {**message, "content": kept}


def _may_think(body: Mapping[str, Any], messages: Any) -> bool:
    """Whether the request may ask for thinking.

    Not with a budget while the results are those of calls that another vendor's model made: Anthropic requires that a turn
    with calls begins with its thinking.
    """
    if object_of(body.get("thinking")).get("type") != "enabled":
        return True
    turns = [each for each in objects_of(messages) if each.get("role") != "system"]
    if len(turns) < 2 or "tool_result" not in _types(turns[-1]):
        return True
    types = _types(turns[-2])
    return "tool_use" not in types or types[0] in ("thinking", "redacted_thinking")


def _types(message: Mapping[str, Any]) -> list[Any]:
    return [block.get("type") for block in objects_of(message.get("content"))]
