"""Gives the calls of an answer, which are all of functions, the forms that the caller's tools have."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import content_of, count_of, object_of, objects_of, text_of
from proxy.dialects.hub.custom_tools import custom_input
from proxy.dialects.hub.streamed_input import StreamedInput
from proxy.dialects.hub.tool_forms import CUSTOM, FUNCTION_CALL, ToolForms
from proxy.dialects.lenient_json import parse, parse_or_none, serialize
from proxy.messages import StreamTransform
from proxy.sse import data_of, encode, split_frames

_MARK = b"tool_calls"
"""In every answer and event with a call, or with the finish reason of calls."""

Members = dict[str, Any]


def with_tool_forms(body: bytes, forms: ToolForms) -> bytes:
    """Return a completion with its calls in these forms."""
    if _MARK not in body:
        return body
    completion = parse(body)
    choices = [
        {**choice, "message": _message(object_of(choice.get("message")), forms), **_finish(choice, forms)}
        for choice in objects_of(completion.get("choices"))
    ]
    return serialize({**completion, "choices": choices})


def _message(message: Members, forms: ToolForms) -> Members:
    calls = objects_of(message.get("tool_calls"))
    if not calls:
        return message
    if not forms.is_legacy:
        return {**message, "tool_calls": [_call(call, forms) for call in calls]}
    kept = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**kept, FUNCTION_CALL: calls[0].get("function")}


def _call(call: Members, forms: ToolForms) -> Members:
    function = object_of(call.get("function"))
    name = text_of(function.get("name"))
    if name not in forms.custom:
        return call
    value = custom_input(content_of(function.get("arguments")))
    kept = {member: value for member, value in call.items() if member != "function"}
    return {**kept, "type": CUSTOM, CUSTOM: {"name": name, "input": value}}


def _finish(choice: Members, forms: ToolForms) -> Members:
    """Return the finish reason, if it is another one than that of calls in `tool_calls`."""
    is_legacy = forms.is_legacy and choice.get("finish_reason") == "tool_calls"
    return {"finish_reason": FUNCTION_CALL} if is_legacy else {}


class ToolFormStream:
    """Translates a stream, then gives the calls in its events these forms."""

    def __init__(self, translator: StreamTransform, forms: ToolForms) -> None:
        self._translator = translator
        self._forms = forms
        self._inputs: dict[tuple[int, int], StreamedInput] = {}
        """The calls of custom tools that are not over, by their choice and their index."""

    def feed(self, data: bytes) -> bytes:
        """Return the events that the data completes."""
        return self._events(self._translator.feed(data))

    def end(self) -> bytes:
        """Return what was held back."""
        return self._events(self._translator.end())

    def _events(self, data: bytes) -> bytes:
        return b"".join(map(self._event, split_frames(data))) if _MARK in data else data

    def _event(self, frame: bytes) -> bytes:
        chunk = parse_or_none(data_of(frame) or b"") if _MARK in frame else None
        if not isinstance(chunk, dict):
            return frame
        choices = [self._choice(choice) for choice in objects_of(chunk.get("choices"))]
        return encode(serialize({**chunk, "choices": choices}))

    def _choice(self, choice: Members) -> Members:
        delta = object_of(choice.get("delta"))
        calls = objects_of(delta.get("tool_calls"))
        kept = {name: value for name, value in delta.items() if name != "tool_calls"}
        if self._forms.is_legacy:
            first = [call["function"] for call in calls if not call.get("index") and "function" in call]
            changed: Members = {FUNCTION_CALL: first[0]} if first else {}
        else:
            index = count_of(choice.get("index"))
            entries = [self._call(index, call) for call in calls]
            entries += self._ends(index) if choice.get("finish_reason") else []
            changed = {"tool_calls": entries} if entries else {}
        return {**choice, "delta": {**kept, **changed}, **_finish(choice, self._forms)}

    def _call(self, choice: int, call: Members) -> Members:
        function, key = object_of(call.get("function")), (choice, count_of(call.get("index")))
        name, arguments = text_of(function.get("name")), content_of(function.get("arguments"))
        kept = {member: value for member, value in call.items() if member != "function"}
        if name in self._forms.custom:
            started = self._inputs[key] = StreamedInput()
            return {**kept, "type": CUSTOM, CUSTOM: {"name": name, "input": started.feed(arguments)}}
        return {**kept, CUSTOM: {"input": self._inputs[key].feed(arguments)}} if key in self._inputs else call

    def _ends(self, choice: int) -> list[Members]:
        """Return the rest of a choice's inputs."""
        ended = [(index, self._inputs.pop((of, index)).end()) for of, index in list(self._inputs) if of == choice]
        return [{"index": index, CUSTOM: {"input": rest}} for index, rest in ended if rest]
