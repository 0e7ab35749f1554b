"""OpenAI's side of an answer, written: the chunks of a stream, or the whole; what is written is noted in `Reading.answer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.lenient_json import REPLACEMENT, SurrogateJoiner, serialize, to_well_formed
from proxy.errors import ParrotError
from proxy.sse import encode


class ChunkWriter:
    """One choice of a stream: `start` first, once; then each method gives one event as bytes.

    What never changes in a stream is encoded once, so that a delta costs one `orjson.dumps` of its text."""

    def __init__(self, reading: ResponseContext, choice: int = 0) -> None:
        self._reading = reading
        self._choice = choice
        self._called = False
        self._joiner = SurrogateJoiner()
        self.started = False

    def start(self, id: Any = None, model: Any = None) -> bytes:
        """The role chunk; fixes the id and the model (the reading's own where the provider gives none)."""
        reading = self._reading
        reading.answer.model = to_well_formed(text_of(model)) or reading.model
        reading.answer.id = to_well_formed(text_of(id)) or reading.id
        self.started = True
        common = {
            "id": reading.answer.id,
            "object": "chat.completion.chunk",
            "created": reading.created,
            "model": reading.answer.model,
        }
        self._common = b"data: " + orjson.dumps(common)[:-1] + b',"choices":['
        self._provider = b',"provider":' + orjson.dumps(reading.provider) + b"}\n\n"
        self._close = (b'}],"usage":null' if reading.show_usage else b"}]") + self._provider
        self._open = self._common + b'{"index":%d,"delta":' % self._choice
        self._rest = b'},"finish_reason":null' + self._close
        self._text = self._open + b'{"content":'
        self._reasoning = self._open + b'{"reasoning_content":'
        return self._open + b'{"role":"assistant","content":""' + self._rest

    def text_delta(self, text: str) -> bytes:
        """A piece of the answer."""
        self._reading.answer.append_text(text)
        return self._piece_of_text(self._text, text, self._rest)

    def reasoning_delta(self, text: str) -> bytes:
        """A piece of what the model thinks, as the widespread `reasoning_content`."""
        self._reading.answer.text_only = False
        return self._piece_of_text(self._reasoning, text, self._rest)

    def refusal_delta(self, text: str) -> bytes:
        """A piece of why the model will not answer."""
        self._reading.answer.text_only = False
        return self._piece_of_text(self._open + b'{"refusal":', text, self._rest)

    def tool_call_start(self, index: int, id: str, name: str) -> bytes:
        """The start of a tool call, under the caller's own name for the tool; calls count from 0 in each choice."""
        self._reading.answer.text_only = False
        self._called = True
        function = {"name": self._reading.tool_names.get(name, name), "arguments": ""}
        call = {"index": index, "id": id, "type": "function", "function": function}
        return self._open + b'{"tool_calls":' + serialize([call]) + self._rest

    def complete_tool_call(self, index: int, call: Mapping[str, Any]) -> bytes:
        """A tool call that came whole, as `build_tool_call` makes it; with any member that the provider wants back."""
        self._called = True
        return self.delta("tool_calls", [{"index": index, **call}])

    def delta(self, member: str, value: Any) -> bytes:
        """Any other member of a delta."""
        self._reading.answer.text_only = False
        return self._open + serialize({member: value})[:-1] + self._rest

    def arguments_delta(self, index: int, fragment: str) -> bytes:
        """A piece of a call's arguments, which are JSON as text."""
        self._reading.answer.text_only = False
        start = self._open + b'{"tool_calls":[{"index":%d,"function":{"arguments":' % index
        return self._piece_of_text(start, fragment, b"}}]" + self._rest)

    def _piece_of_text(self, start: bytes, text: str, end: bytes) -> bytes:
        """Return an event with the text between `start` and `end`; b"" if the text is only half a surrogate pair."""
        if not self._joiner.held:
            try:
                return start + orjson.dumps(text) + end
            except TypeError:
                pass  # a lone surrogate
        text = self._joiner.join((start, end), text)
        return start + orjson.dumps(text) + end if text else b""

    def _half_characters(self) -> bytes:
        """Return an event with U+FFFD for each text that ends in half a surrogate pair."""
        replacement = orjson.dumps(REPLACEMENT)
        return b"".join([start + replacement + end for start, end in self._joiner.flush()])

    def finish(self, reason: str, provider_reason: str | None = None) -> bytes:
        """The last chunk of the choice; a `stop` after a tool call is `tool_calls`, whatever the provider says.

        `provider_reason` is the provider's own word where OpenAI has none that fits."""
        reason = "tool_calls" if self._called and reason == "stop" else reason
        self._reading.answer.finish_reason = reason
        own = b',"provider_finish_reason":' + serialize(provider_reason) if provider_reason else b""
        return self._half_characters() + self._open + b'{},"finish_reason":' + orjson.dumps(reason) + own + self._close

    def usage_chunk(self, usage: Mapping[str, Any]) -> bytes:
        """The chunk without choices, or nothing if the caller did not ask for it; once per stream, after all finishes."""
        self._reading.answer.usage = dict(usage)
        if not self._reading.show_usage:
            return b""
        return self._common + b'],"usage":' + orjson.dumps(usage) + self._provider

    def done(self) -> bytes:
        """`[DONE]`, once the provider has said that this was all."""
        self._reading.answer.done = True
        return encode(b"[DONE]")


def error_event(error: ParrotError, reading: ResponseContext) -> bytes:
    """An error in the middle of a stream; nothing may follow it."""
    reading.answer.error = True
    return encode(serialize({"error": error.members()}))
