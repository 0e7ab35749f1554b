"""Messages of a conversation that other providers took part in, less what only they understand."""

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
    """Whether one of a conversation's messages, as parsed, holds such a member."""
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
    """A request's `messages` without other providers' members, the rest byte for byte."""
    return _each(messages, _message)


def _message(message: msgspec.Raw) -> msgspec.Raw:
    members: dict[str, Any] = _object.decode(message)
    kept = {name: value for name, value in members.items() if name not in FOREIGN_IN_MESSAGES}
    calls = kept.get("tool_calls", b"")
    if _suspect(bytes(calls)):
        kept["tool_calls"] = _each(calls, _call)
    return msgspec.Raw(_encode(kept))


def _call(call: msgspec.Raw) -> msgspec.Raw:
    members = _object.decode(call)
    return msgspec.Raw(_encode({name: value for name, value in members.items() if name not in FOREIGN_IN_CALLS}))


def _suspect(raw: bytes) -> bool:
    """Whether such members may be in there: a name can be a value as well, so this only says where to look."""
    return _FOREIGN.search(raw) is not None


def _each(items: msgspec.Raw, change: Callable[[msgspec.Raw], msgspec.Raw]) -> msgspec.Raw:
    """The list with those items changed that may have to be; what is no list of objects is for the provider to refuse."""
    try:
        return msgspec.Raw(_encode([change(item) if _suspect(bytes(item)) else item for item in _list.decode(items)]))
    except msgspec.ValidationError:
        return items
