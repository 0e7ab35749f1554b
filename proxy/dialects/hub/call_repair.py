"""Repairs the tool calls of a conversation: ids that are valid, unique and paired, and arguments that are a JSON object.

Conversations contain the calls of any provider's models: ids too long or with other characters, ids that repeat or are empty,
arguments that are null, an object, or cut off, and calls that were never answered. Every message that needs no change stays
the same object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.dialects.hub.content import MAX_VALUES_IN_TEXT, serialize_request
from proxy.dialects.lenient_json import parse, serialize, to_well_formed
from proxy.dialects.names import NameRule, UniqueNames
from proxy.json_values import count_values

CALL_ID = NameRule("!-~", limit=40)
"""OpenAI's limit for ids of calls. Any other characters than those of ASCII confuse some hosts."""

INVALID_ARGUMENTS = "invalid_json"
"""The member that holds arguments which are not a JSON object."""

NO_RESULT = "There is no result of this call."

_object_of_raw = msgspec.json.Decoder(dict[str, msgspec.Raw])


def repair_calls(messages: list[Any], rule: NameRule = CALL_ID) -> list[Any]:
    """Return the messages with ids valid by the rule. The same list if it has no tool calls or none needs a change.

    Ids are the same in every turn of a conversation. What is malformed otherwise stays: its translation reports it.
    """
    if not any(isinstance(message, dict) and "tool_calls" in message for message in messages):
        return messages
    repair = _Repair(UniqueNames(rule))
    repaired = [each for message in messages for each in repair.message(message)] + repair.rest()
    return messages if list(map(id, repaired)) == list(map(id, messages)) else repaired


class _Repair:
    """Repairs the messages of one conversation, in order."""

    def __init__(self, unique: UniqueNames) -> None:
        self._unique = unique
        self._unanswered: dict[str, deque[str]] = {}
        """The last message's calls without a result: the caller's id -> the ids that they were given."""
        self._held: list[Any] = []
        """What came behind those calls: their results must be in front of it."""

    def message(self, message: Any) -> list[Any]:
        """Return what follows next in the conversation: the message, repaired, unless it is held back."""
        members = message if isinstance(message, dict) else {}
        if members.get("role") == "tool" and (result := self._result(members)) is not None:
            return [result] if self._unanswered else [result, *self.rest()]
        if isinstance(members.get("tool_calls"), list):
            return [*self.rest(), self._with_calls(members, members["tool_calls"])]
        if self._unanswered and members.get("role") != "assistant":
            self._held.append(message)
            return []
        return [*self.rest(), message]

    def rest(self) -> list[Any]:
        """Return a result for each call that has none, as every provider rejects a call without one, and what was held back."""
        ids = [id for given in self._unanswered.values() for id in given]
        missing = [{"role": "tool", "tool_call_id": id, "content": NO_RESULT} for id in ids]
        held, self._held, self._unanswered = self._held, [], {}
        return [*missing, *held]

    def _with_calls(self, message: dict[str, Any], calls: list[Any]) -> dict[str, Any]:
        repaired = [self._call(call) for call in calls]
        return _changed(message, {"tool_calls": repaired}) if any(map(_differ, repaired, calls)) else message

    def _call(self, call: Any) -> Any:
        if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
            return call
        id, function = _id(call.get("id")), call["function"]
        given = self._unique.assign(id or "call")
        self._unanswered.setdefault(id, deque()).append(given)
        arguments = object_text(function.get("arguments"))
        function = _changed(function, {"arguments": arguments})
        return _changed(call, {"id": given, "function": function})

    def _result(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Pair the result with its call: the first unanswered one with its id, or of all if it has no id. None if it has none."""
        id = _id(message.get("tool_call_id"))
        if not id and id not in self._unanswered:
            id = next(iter(self._unanswered), "")
        given = self._unanswered.get(id)
        if given is None:
            return None
        paired = _changed(message, {"tool_call_id": given.popleft()})
        if not given:
            del self._unanswered[id]
        return paired


def _id(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _differ(new: Any, old: Any) -> bool:
    return new is not old


def _changed(members: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with the changes, or itself if it has them."""
    unchanged = all(name in members and members[name] == value for name, value in changes.items())
    return members if unchanged else {**members, **changes}


def object_text(arguments: Any) -> str:
    """Return a call's arguments as the text of a JSON object. None and blank are `{}`.

    Any other value becomes its one member `invalid_json`: the conversation goes on, and the model sees what it had sent.
    """
    if not isinstance(arguments, str):
        return "{}" if arguments is None else serialize_request(_as_object(arguments)).decode()
    if not arguments or arguments.isspace():
        return "{}"
    try:
        _object_of_raw.decode(arguments)
        return arguments
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return _lenient_object_text(arguments)


def _lenient_object_text(text: str) -> str:
    """Return the text if it is an object that only a lenient parser reads, else an object that contains it."""
    encoded = text.encode("utf-8", "surrogatepass")
    if count_values(encoded, MAX_VALUES_IN_TEXT) > MAX_VALUES_IN_TEXT:
        return text
    try:
        value = parse(encoded)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return text
    if isinstance(value, str) and value[:1] == "{":  # JSON in JSON
        return object_text(value)
    return serialize({INVALID_ARGUMENTS: to_well_formed(text)}).decode()


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {INVALID_ARGUMENTS: value}
