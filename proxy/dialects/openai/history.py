"""Removes other providers' members from a conversation's messages before OpenAI gets them. The rest stays byte-exact.

They are in the history if another provider served an earlier turn. OpenAI rejects a request that contains one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.dialects.openai.tables import FOREIGN_IN_CALLS, FOREIGN_IN_MESSAGES

_FOREIGN = re.compile(f'"(?:{"|".join(sorted(FOREIGN_IN_MESSAGES | FOREIGN_IN_CALLS))})"'.encode())

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def has_foreign_members(messages: Any) -> bool:
    """Whether a parsed message, or a tool call in it, contains another provider's member."""
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        if not FOREIGN_IN_MESSAGES.isdisjoint(message):
            return True
        calls = message.get("tool_calls")
        if isinstance(calls, list) and any(
            isinstance(call, dict) and not FOREIGN_IN_CALLS.isdisjoint(call) for call in calls
        ):
            return True
    return False


def without_foreign_members(messages: msgspec.Raw) -> msgspec.Raw:
    """Return a request's `messages` without other providers' members."""
    return _map_items(messages, _message)


def _message(message: msgspec.Raw) -> msgspec.Raw:
    members: dict[str, Any] = _object.decode(message)
    kept = {name: value for name, value in members.items() if name not in FOREIGN_IN_MESSAGES}
    calls = kept.get("tool_calls", b"")
    if _may_contain_foreign(bytes(calls)):
        kept["tool_calls"] = _map_items(calls, _call)
    return msgspec.Raw(_encode(kept))


def _call(call: msgspec.Raw) -> msgspec.Raw:
    members = _object.decode(call)
    return msgspec.Raw(_encode({name: value for name, value in members.items() if name not in FOREIGN_IN_CALLS}))


def _may_contain_foreign(raw: bytes) -> bool:
    """Whether such a member may be in the JSON. The name may also be a value, so this is only a fast filter."""
    return _FOREIGN.search(raw) is not None


def _map_items(items: msgspec.Raw, change: Callable[[msgspec.Raw], msgspec.Raw]) -> msgspec.Raw:
    """Apply `change` to the items that may contain foreign members. Anything but a list of objects stays as it is."""
    try:
        return msgspec.Raw(
            _encode([change(item) if _may_contain_foreign(bytes(item)) else item for item in _list.decode(items)])
        )
    except msgspec.ValidationError:
        return items
