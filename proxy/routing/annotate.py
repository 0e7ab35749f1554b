"""What an answer is told of itself: its cost and, if asked for, the decision, spliced in; no other byte moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proxy.routing.cost_ceiling import format_usd
from proxy.sse import Framer, data_of

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
# All up to the next brace; a string is passed over whole, so that what it says of braces does not count.
_BRACE = re.compile(rb'[^"{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}]*+)*+([{}])', re.DOTALL)
_DEPTH_CHANGE = {b"{": 1, b"}": -1}
_FINISH_OR_ERROR = re.compile(rb'"finish_reason"\s*:\s*"[^"]|^data: ?\{"error"', re.MULTILINE)


def with_cost(data: bytes, cost: float) -> bytes:
    """A JSON object, or an event of one, with `cost` (USD) as the last member of its `usage`, if it has that."""
    first = data.find(b'"usage"')  # far sooner there than the pattern would be
    starts = [match.end() for match in _USAGE.finditer(data, first)] if first >= 0 else []
    if not starts:
        return data
    # Hosts have further objects of that name further in; the scan is for them alone, as an answer may be long.
    start = starts[0] if len(starts) == 1 else min(starts, key=lambda at: _brace_depth(data[:at]))
    return _insert_member(data, _closing_brace(data, start), b'"cost":' + format_usd(cost).encode())


def with_routing(data: bytes, routing: Mapping[str, Any]) -> bytes:
    """A JSON object, or an event of one, with `routing` as its last member."""
    return _insert_member(data, data.rindex(b"}"), b'"routing":' + orjson.dumps(routing))


def _insert_member(data: bytes, end: int, member: bytes) -> bytes:
    """A member added before the brace at `end`."""
    last = end - 1
    while data[last : last + 1].isspace():
        last -= 1
    comma = b"" if data[last : last + 1] == b"{" else b","
    view = memoryview(data)  # an answer may be megabytes: copied once is enough
    return b"".join((view[:end], comma, member, view[end:]))


def _brace_depth(data: bytes) -> int:
    return sum(_DEPTH_CHANGE[brace[1]] for brace in _BRACE.finditer(data))


def _closing_brace(data: bytes, start: int) -> int:
    """Where the object ends whose inside begins at `start`."""
    depth = 1
    for brace in _BRACE.finditer(data, start):
        depth += _DEPTH_CHANGE[brace[1]]
        if depth == 0:
            return brace.start(1)
    return data.rindex(b"}")


class StreamAnnotator:
    """A stage over OpenAI's events: the cost goes to the usage, the decision to the first finish or to an error.

    Until there is something to say events pass unseen."""

    def __init__(self, total_cost: Callable[[], float | None], explain: Callable[[], Mapping[str, Any]] | None) -> None:
        self._total_cost = total_cost
        self._explain = explain
        self._framer = Framer()

    def feed(self, data: bytes) -> bytes:
        if self._explain is None and self._total_cost() is None:
            return data
        return b"".join(map(self._event, self._framer.feed(data)))

    def end(self) -> bytes:
        return self._framer.flush()

    def _event(self, event: bytes) -> bytes:
        if (data_of(event) or b"").lstrip()[:1] != b"{":
            return event  # a comment, `[DONE]`, or nothing that could have members
        cost = self._total_cost()
        if cost is not None:
            event = with_cost(event, cost)
        if self._explain is not None and _FINISH_OR_ERROR.search(event):
            event, self._explain = with_routing(event, self._explain()), None
        return event
