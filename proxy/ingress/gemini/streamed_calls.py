"""The calls of one candidate of a stream, each written once it is complete: Gemini's events have whole calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, text_of
from proxy.dialects.json_progress import JsonProgress
from proxy.ingress.gemini.response import Part, call_part
from proxy.ingress.gemini.signatures import call_signature


class _Call:
    """One call, from its first fragment on."""

    __slots__ = ("arguments", "first", "is_written", "progress")

    def __init__(self, first: Mapping[str, Any]) -> None:
        self.first = first
        """Its first fragment, with its id and its name."""
        self.arguments: list[str] = []
        self.progress = JsonProgress()
        self.is_written = False


class StreamedCalls:
    """Takes fragments of calls, which may come in turns."""

    def __init__(self) -> None:
        self.thinking: list[dict[str, Any]] = []
        """The vendor's thinking blocks, which the first call brings back in the next request."""
        self._calls: dict[int, _Call] = {}
        self._written = 0

    def feed(self, fragment: Mapping[str, Any]) -> list[Part]:
        """Take a fragment, and return the part of the call that it completes."""
        index, arguments = (
            count_of(fragment.get("index")),
            text_of(object_of(fragment.get("function")).get("arguments")),
        )
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _Call(fragment)
        call.arguments.append(arguments)
        call.progress.feed(arguments)
        return self._write(call) if arguments and call.progress.is_complete else []

    def flush(self) -> list[Part]:
        """Return the parts of the other calls. Nothing more of any is taken."""
        return [part for call in self._calls.values() for part in self._write(call)]

    def _write(self, call: _Call) -> list[Part]:
        if call.is_written:
            return []
        call.is_written = True
        self._written += 1
        function = {**object_of(call.first.get("function")), "arguments": "".join(call.arguments)}
        signature = call_signature(call.first, self.thinking, is_first=self._written == 1)
        return [call_part({**call.first, "function": function}, signature)]
