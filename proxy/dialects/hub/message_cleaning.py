"""Cleans a conversation for a target with OpenAI's format: what other providers' answers and callers' SDKs leave in it.

Messages that need no change stay the caller's bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.call_repair import repair_calls
from proxy.dialects.hub.request_members import parse_members
from proxy.dialects.hub.role_merging import with_alternating_roles
from proxy.dialects.hub.tool_images import with_images_after_results
from proxy.dialects.hub.tool_renaming import with_renamed_calls
from proxy.dialects.lenient_json import serialize

_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


FOREIGN_IN_MESSAGES = frozenset({
    "cache_control", "citations", "extra_content", "images", "partial", "prefix", "provider", "provider_finish_reason",
    "provider_specific_fields", "reasoning", "reasoning_content", "reasoning_details", "signature", "thinking",
    "thinking_blocks", "tool_plan",
})  # fmt: skip
"""Message members that some provider's answers have, and that callers send back in the history."""

FOREIGN_IN_CALLS = frozenset({
    "cache_control", "extra_content", "index", "provider_specific_fields", "signature", "thought_signature",
})  # fmt: skip
"""The same for each of `tool_calls`."""

FOREIGN_IN_PARTS = frozenset({"cache_control", "citations", "signature"})
"""The same for each part of a content."""

_PLAIN_ROLES = ("user", "assistant", "system")


@dataclass(frozen=True, slots=True)
class CleaningRules:
    """What a target rejects in messages."""

    in_messages: Set[str] = frozenset()
    """Members of messages to remove."""
    in_calls: Set[str] = frozenset()
    """Members of tool calls, and of their functions, to remove."""
    in_parts: Set[str] = frozenset()
    """Members of content parts to remove."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Roles to replace: role -> the role sent."""
    own_nulls: bool = True
    """Whether an assistant message may have what OpenAI's answers have: members that are null, and a refusal."""
    alternates: bool = False
    """Whether the roles `user` and `assistant` must alternate."""


def cleaned_messages(
    request: CallerRequest, rules: CleaningRules, names: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return `messages` as the target accepts them, as a change of the request, or {} if they stay as they are.

    `names` are the tool names that change.
    """
    messages = request.body.get("messages")
    if not isinstance(messages, list) or (_are_plain(messages) and not rules.alternates):
        return {}
    cleaned = clean_messages(messages, rules)
    cleaned = with_renamed_calls(cleaned, names) if names else cleaned
    if cleaned is messages:
        return {}
    return {"messages": _encoded(cleaned, messages, parse_members(request.raw)["messages"])}


def _are_plain(messages: list[Any]) -> bool:
    """Whether every message is a text with its role: the usual case, which no rule changes."""
    for message in messages:
        if not isinstance(message, dict) or len(message) != 2 or message.get("role") not in _PLAIN_ROLES:
            return False
        if not isinstance(message.get("content"), str):
            return False
    return True


def clean_messages(messages: list[Any], rules: CleaningRules) -> list[Any]:
    """Return the messages as the target accepts them. The same list if none needs a change."""
    cleaned = with_images_after_results([_clean(message, rules) for message in repair_calls(messages)])
    cleaned = with_alternating_roles(cleaned) if rules.alternates else cleaned
    return messages if list(map(id, cleaned)) == list(map(id, messages)) else cleaned


def _encoded(cleaned: list[Any], messages: list[Any], raw: msgspec.Raw) -> msgspec.Raw:
    """Serialise cleaned messages. Those that are unchanged keep their bytes, which `raw` contains."""
    originals = {id(old): item for old, item in zip(messages, _raw_items.decode(raw), strict=True)}
    return msgspec.Raw(_encode([originals.get(id(message)) or msgspec.Raw(serialize(message)) for message in cleaned]))


def _clean(message: Any, rules: CleaningRules) -> Any:
    if not isinstance(message, dict):
        return message
    changes = _changes(message, rules)
    drop = _dropped(message, rules)
    if not changes and not drop:
        return message
    return {name: value for name, value in {**message, **changes}.items() if name not in drop}


def _changes(message: Mapping[str, Any], rules: CleaningRules) -> dict[str, Any]:
    """Return the members that change."""
    changes: dict[str, Any] = {}
    role, content, calls = message.get("role"), message.get("content"), message.get("tool_calls")
    if isinstance(role, str) and role in rules.roles:
        changes["role"] = rules.roles[role]
    if isinstance(content, list):
        changes |= _changed_list("content", content, rules.in_parts)
    if isinstance(calls, list):
        changes |= _changed_list("tool_calls", calls, rules.in_calls)
    if not content:
        changes |= _empty_content(message, content, rules)
    return changes


def _dropped(message: Mapping[str, Any], rules: CleaningRules) -> set[str]:
    """Return the names of the members to remove."""
    drop = set() if rules.in_messages.isdisjoint(message) else {name for name in message if name in rules.in_messages}
    if message.get("tool_calls") == []:
        drop.add("tool_calls")
    if not rules.own_nulls and message.get("role") == "assistant":
        drop |= {name for name, value in message.items() if name != "content" and (value is None or name == "refusal")}
    return drop


def _empty_content(message: Mapping[str, Any], content: Any, rules: CleaningRules) -> dict[str, Any]:
    """Return "" for a content that may not be null, missing or an empty list. A refusal may take its place."""
    if content == "" or (content is None and message.get("role") not in ("assistant", "tool")):
        return {}
    if message.get("role") != "assistant":
        return {"content": ""}
    if message.get("tool_calls") or message.get("function_call") or (rules.own_nulls and _answers(message)):
        return {"content": None} if content == [] else {}
    refusal = message.get("refusal")
    return {"content": refusal if isinstance(refusal, str) else ""}


def _answers(message: Mapping[str, Any]) -> bool:
    """Whether an assistant message has an answer that is not its content."""
    return bool(message.get("refusal") or message.get("audio"))


def _changed_list(member: str, items: list[Any], removed: Set[str]) -> dict[str, Any]:
    """Return the list without these members in its objects, as a change, or {} if it has none."""
    if not removed:
        return {}
    kept = [_without(item, removed) for item in items]
    return {member: kept} if any(new is not old for new, old in zip(kept, items, strict=True)) else {}


def _without(item: Any, removed: Set[str]) -> Any:
    """Return the object without these members, also in its `function`, or itself if it has none."""
    if not isinstance(item, dict):
        return item
    function = item.get("function")
    has_foreign = isinstance(function, dict) and not removed.isdisjoint(function)
    if removed.isdisjoint(item) and not has_foreign:
        return item
    kept = {name: value for name, value in item.items() if name not in removed}
    return {**kept, "function": _without(function, removed)} if has_foreign else kept
