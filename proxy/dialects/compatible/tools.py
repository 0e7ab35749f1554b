"""Repairs streamed tool calls: hosts repeat or omit indexes, ids and names that OpenAI's format sends once per call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, object_of
from proxy.dialects.lenient_json import parse


@dataclass(slots=True)
class _Call:
    index: int
    """Its index in what is sent: calls count from 0 in each choice."""
    id: str
    name: str
    host_index: Any
    """The index that the host sent, None if it sent none."""
    arguments: str = ""

    def is_complete(self) -> bool:
        """Whether the arguments are complete JSON, so that a fragment with the same name starts another call."""
        try:
            parse(self.arguments.encode())
        except ValueError:
            return False
        return True


class ToolCallRepair:
    """The tool calls of one choice. Each is started once, with id and name, and gets an index of its own.

    A fragment belongs to the call with its id, without a known id to the last call with its index, unless it has a name
    that starts another call.
    """

    def __init__(self, stem: str, names: Mapping[str, str]) -> None:
        """`stem` makes ids for calls without one, `call_<stem>_<index>`. `names` is `ResponseContext.tool_names`."""
        self._stem = stem
        self._names = names
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def repair(self, fragments: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the fragments of one delta in OpenAI's format. Fragments with nothing new are left out."""
        repaired = (self._repair_fragment(fragment) for fragment in fragments)
        return [fragment for fragment in repaired if fragment is not None]

    def close(self) -> list[dict[str, Any]]:
        """Return fragments with `{}` for the calls without arguments: "" is not JSON."""
        return [
            {"index": call.index, "function": {"arguments": "{}"}} for call in self._calls if not call.arguments.strip()
        ]

    def _repair_fragment(self, fragment: dict[str, Any]) -> dict[str, Any] | None:
        function = object_of(fragment.get("function"))
        name, arguments = content_of(function.get("name")), arguments_of(function.get("arguments"))
        call = self._call_of(fragment, name)
        if call is None:
            return self._start(fragment, name, arguments)
        call.arguments += arguments
        return {"index": call.index, "function": {"arguments": arguments}} if arguments else None

    def _start(self, fragment: dict[str, Any], name: str, arguments: str) -> dict[str, Any] | None:
        if not name:
            return None
        index = len(self._calls)
        id = valid_id(fragment) or f"call_{self._stem}_{index}"
        self._calls.append(_Call(index, id, name, fragment.get("index"), arguments))
        function = {"name": self._names.get(name, name), "arguments": arguments}
        return {**fragment, "index": index, "id": id, "type": "function", "function": function}

    def _call_of(self, fragment: dict[str, Any], name: str) -> _Call | None:
        """Return the call that a fragment continues, or None if it starts another."""
        id, host_index = valid_id(fragment), fragment.get("index")
        for call in self._calls:
            if id and call.id == id:
                return call
        if id and name:
            return None
        same_index = [call for call in self._calls if host_index is None or call.host_index == host_index]
        if not name:
            return next(reversed(same_index or self._calls), None)
        last = same_index[-1] if same_index else None
        return last if last is not None and last.name == name and not last.is_complete() else None


def valid_id(call: Mapping[str, Any]) -> str | None:
    """Return a call's id, or None if it is missing or "null", which old Mistral models send."""
    id = call.get("id")
    return id if isinstance(id, str) and id and id != "null" else None


def repair_complete_call(call: Mapping[str, Any], spare_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a tool call of a whole response in OpenAI's format. `spare_id` is its id if it has none."""
    function = object_of(call.get("function"))
    name = content_of(function.get("name"))
    arguments = arguments_of(function.get("arguments")).strip() or "{}"
    kept = {key: value for key, value in call.items() if key != "index"}
    function = {"name": names.get(name, name), "arguments": arguments}
    return {**kept, "id": valid_id(call) or spare_id, "type": "function", "function": function}
