"""Repairs streamed tool calls: hosts repeat or omit indexes, ids and names that OpenAI's format sends once per call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, object_of
from proxy.dialects.compatible.json_progress import JsonProgress


@dataclass(slots=True)
class _Call:
    index: int
    """Its index in what is sent: calls count from 0 in each choice."""
    id: str
    name: str
    arguments: JsonProgress = field(default_factory=JsonProgress)


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
        self._by_id: dict[str, _Call] = {}
        """The first call with each id."""
        self._by_host_index: dict[Any, _Call] = {}
        """The last call with each index that the host sent."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def repair(self, fragments: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the fragments of one delta in OpenAI's format. Fragments with nothing new are left out."""
        repaired = (self._repair_fragment(fragment) for fragment in fragments)
        return [fragment for fragment in repaired if fragment is not None]

    def close(self) -> list[dict[str, Any]]:
        """Return fragments with `{}` for the calls without arguments: "" is not JSON."""
        return [
            {"index": call.index, "function": {"arguments": "{}"}} for call in self._calls if call.arguments.is_blank
        ]

    def _repair_fragment(self, fragment: dict[str, Any]) -> dict[str, Any] | None:
        function = object_of(fragment.get("function"))
        name, arguments = content_of(function.get("name")), arguments_of(function.get("arguments"))
        call = self._call_of(fragment, name)
        if call is None:
            return self._start(fragment, name, arguments)
        call.arguments.feed(arguments)
        return {"index": call.index, "function": {"arguments": arguments}} if arguments else None

    def _start(self, fragment: dict[str, Any], name: str, arguments: str) -> dict[str, Any] | None:
        if not name:
            return None
        index = len(self._calls)
        id = valid_id(fragment) or f"call_{self._stem}_{index}"
        call = _Call(index, id, name)
        call.arguments.feed(arguments)
        self._calls.append(call)
        self._by_id.setdefault(id, call)
        self._by_host_index[_host_index(fragment)] = call
        function = {"name": self._names.get(name, name), "arguments": arguments}
        return {**fragment, "index": index, "id": id, "type": "function", "function": function}

    def _call_of(self, fragment: dict[str, Any], name: str) -> _Call | None:
        """Return the call that a fragment continues, or None if it starts another."""
        id, host_index = valid_id(fragment), _host_index(fragment)
        if id and id in self._by_id:
            return self._by_id[id]
        if id and name:
            return None
        last = self._calls[-1] if self._calls else None
        same_index = last if host_index is None else self._by_host_index.get(host_index)
        if not name:
            return same_index or last
        continues = same_index is not None and same_index.name == name and not same_index.arguments.is_complete
        return same_index if continues else None


def _host_index(fragment: Mapping[str, Any]) -> Any:
    """Return the index that the host sent, None if it sent none that is a number or a text."""
    index = fragment.get("index")
    return index if isinstance(index, (int, float, str)) else None


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
