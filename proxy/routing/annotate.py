"""Inserts the cost and the routing decision into responses as JSON members. Every other byte stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Any

import orjson

from proxy.dialects.hub.splice import append_member, append_to_event, insert_member
from proxy.sse import Framer, data_of

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
# Everything up to the next brace. Strings are consumed as a whole, so that braces inside them do not count.
_BRACE = re.compile(rb'[^"{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}]*+)*+([{}])', re.DOTALL)
_DEPTH_CHANGE = {b"{": 1, b"}": -1}


@lru_cache(maxsize=64)
def format_usd(usd: float) -> str:
    """Return USD as a plain decimal number such as `0.0000123`, without an exponent."""
    return f"{usd:.10f}".rstrip("0").rstrip(".")


def with_cost(data: bytes, usd: float) -> bytes:
    """Return a JSON object or SSE event with `cost` as the last member of its `usage`, unchanged without `usage`."""
    first = data.find(b'"usage"')  # much faster than the pattern
    found = _USAGE.search(data, first) if first >= 0 else None
    if found is None:
        return data
    start = found.end()
    if data.find(b'"usage"', start) >= 0:
        # Some providers nest further `usage` objects. Only then is the whole text scanned for the outermost one.
        start = _outermost(data, [match.end() for match in _USAGE.finditer(data, first)])
    return insert_member(data, _closing_brace(data, start), b'"cost":' + format_usd(usd).encode())


def with_routing(data: bytes, routing: Mapping[str, Any]) -> bytes:
    """Return a JSON object with `routing` as its last member."""
    return append_member(data, _routing_member(routing))


def _routing_member(routing: Mapping[str, Any]) -> bytes:
    return b'"routing":' + orjson.dumps(routing)


def _outermost(data: bytes, starts: Sequence[int]) -> int:
    """Return which of the objects whose contents start there is in the fewest others, the first of several."""
    wanted, depth, best, best_depth = frozenset(starts), 0, starts[0], inf
    for brace in _braces(data, 0):
        depth += _DEPTH_CHANGE[brace[1]]
        if depth < best_depth and brace.end() in wanted:
            best, best_depth = brace.end(), depth
    return best


def _braces(data: bytes, start: int) -> Iterator[re.Match[bytes]]:
    """Yield the braces outside of strings. Unlike `finditer`, it ends at the first place where the pattern does not match."""
    found = _BRACE.match(data, start)
    while found is not None:
        yield found
        found = _BRACE.match(data, found.end())


def _closing_brace(data: bytes, start: int) -> int:
    """Return the index of the closing brace of the object whose content starts at `start`."""
    depth = 1
    while (brace := _BRACE.match(data, start)) is not None:
        depth += _DEPTH_CHANGE[brace[1]]
        if depth == 0:
            return brace.start(1)
        start = brace.end()
    return data.rindex(b"}")


class StreamAnnotator:
    """Stream transform: adds the cost to the usage event, and the decision to the first event that `closing` finds.

    `total_cost` returns USD, or None while it is unknown. `explain` returns the decision, or is None if it was not
    requested. Without either, bytes pass unparsed.
    """

    def __init__(
        self,
        total_cost: Callable[[], float | None],
        explain: Callable[[], Mapping[str, Any]] | None,
        closing: re.Pattern[bytes],
    ) -> None:
        self._total_cost = total_cost
        self._explain = explain
        self._closing = closing
        self._framer = Framer()

    def feed(self, data: bytes) -> bytes:
        """Return the complete events in the bytes so far, annotated."""
        if self._explain is None and self._total_cost() is None:
            return data
        return b"".join(map(self._event, self._framer.feed(data)))

    def end(self) -> bytes:
        """Return the bytes of an incomplete last event."""
        return self._framer.flush()

    def _event(self, event: bytes) -> bytes:
        data = data_of(event) or b""
        if data.lstrip()[:1] != b"{":
            return event  # a comment or `[DONE]`, not a JSON object
        if self._explain is not None and self._closing.search(event):
            event, self._explain = append_to_event(event, data, _routing_member(self._explain())), None
        cost = self._total_cost()
        return event if cost is None else with_cost(event, cost)
