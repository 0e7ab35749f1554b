"""Repairs streamed tool calls: hosts repeat, omit, split and reorder what OpenAI's format sends once and first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, object_of
from proxy.dialects.compatible.streamed_call import StreamedCall, valid_id


class ToolCallRepair:
    """The tool calls of one choice. Each is started once, with id and whole name, and gets an index of its own.

    A fragment belongs to the call with its id, without a known id to the last call with its index, unless it has a name
    that starts another call. A call is started with its first arguments, as hosts send its name in pieces or after it.
    """

    def __init__(self, stem: str, names: Mapping[str, str]) -> None:
        """`stem` makes ids for calls without one, `call_<stem>_<index>`. `names` is `ResponseContext.tool_names`."""
        self._stem = stem
        self._names = names
        self._calls: list[StreamedCall] = []
        self._waiting: deque[StreamedCall] = deque()
        self._started = 0
        self._by_id: dict[str, StreamedCall] = {}
        """The first call with each id."""
        self._by_host_index: dict[Any, StreamedCall] = {}
        """The last call with each index that the host sent."""

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def repair(self, fragments: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the fragments of one delta in OpenAI's format. Fragments with nothing new are left out."""
        return [repaired for fragment in fragments for repaired in self._repair_fragment(fragment)]

    def close(self) -> list[dict[str, Any]]:
        """Return the calls that had no arguments, with `{}`: "" is not JSON."""
        named = [call for call in self._calls if call.name]
        ends = [call.end() for call in named if call.index is not None and call.is_blank]
        return ends + [self._start(call, "{}") for call in named if call.index is None]

    def _repair_fragment(self, fragment: dict[str, Any]) -> list[dict[str, Any]]:
        function = object_of(fragment.get("function"))
        name, arguments = content_of(function.get("name")), arguments_of(function.get("arguments"))
        id = valid_id(fragment)
        if not (name or arguments or id):
            return []
        call = self._call_of(id, _host_index(fragment), name, arguments)
        if call is None:
            call = self._open(fragment)
        elif call.is_repeated_by(name, arguments):
            return []
        self._identify(call, id)
        sent = call.take(fragment, name, arguments)
        return self._start_through(call) if call.may_start else [sent] if sent else []

    def _open(self, fragment: Mapping[str, Any]) -> StreamedCall:
        call = StreamedCall()
        self._calls.append(call)
        self._waiting.append(call)
        self._by_host_index[_host_index(fragment)] = call
        return call

    def _identify(self, call: StreamedCall, id: str | None) -> None:
        if id and not call.id and call.index is None and id not in self._by_id:
            call.id = id
            self._by_id[id] = call

    def _start_through(self, call: StreamedCall) -> list[dict[str, Any]]:
        """Start a call, and those before it that have a name: clients expect calls in order."""
        started = []
        while call.waits:
            first = self._waiting.popleft()
            first.waits = False
            if first.name and first is not call:
                started.append(self._start(first, ""))
        return [*started, self._start(call, "{}")]

    def _start(self, call: StreamedCall, default: str) -> dict[str, Any]:
        call.index, self._started = self._started, self._started + 1
        call.id = call.id or f"call_{self._stem}_{call.index}"
        self._by_id.setdefault(call.id, call)
        return call.start(self._names, default)

    def _call_of(self, id: str | None, host_index: Any, name: str, arguments: str) -> StreamedCall | None:
        """Return the call that a fragment continues, or None if it starts another."""
        if id and id in self._by_id:
            known = self._by_id[id]
            return None if known.is_followed_by(name, arguments) else known
        last = self._calls[-1] if self._calls else None
        same_index = last if host_index is None else self._by_host_index.get(host_index)
        if same_index is None:
            return None if name or (last is not None and last.is_complete) else last
        continues = same_index.is_named_by(name, id, in_pieces=host_index is not None and not _is_whole(arguments))
        return same_index if continues else None


def _is_whole(arguments: str) -> bool:
    return arguments[:1] == "{" and arguments[-1:] == "}"


def _host_index(fragment: Mapping[str, Any]) -> Any:
    """Return the index that the host sent, None if it sent none that is a number or a text."""
    index = fragment.get("index")
    return index if isinstance(index, (int, float, str)) else None


def repair_complete_call(call: Mapping[str, Any], spare_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a tool call of a whole response in OpenAI's format. `spare_id` is its id if it has none."""
    function = object_of(call.get("function"))
    name = content_of(function.get("name"))
    arguments = arguments_of(function.get("arguments")).strip() or "{}"
    kept = {key: value for key, value in call.items() if key != "index"}
    function = {"name": names.get(name, name), "arguments": arguments}
    return {**kept, "id": valid_id(call) or spare_id, "type": "function", "function": function}
