"""Writes a stream in OpenAI's format for the dialects that translate: each method returns one event as bytes.

Everything written is recorded in `ResponseContext.answer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.coerce import text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.lenient_json import REPLACEMENT, SurrogateJoiner, serialize, to_well_formed
from proxy.errors import ParrotError
from proxy.sse import encode


class ChunkWriter:
    """Writes the chunks of one choice. Call `start` first, and `finish`, `usage_chunk` and `done` last.

    What is the same in all chunks of the stream is serialised once, so that a delta costs one `orjson.dumps` of its text.
    """

    def __init__(self, context: ResponseContext, choice: int = 0) -> None:
        self._context = context
        self._choice = choice
        self._has_tool_calls = False
        self._joiner = SurrogateJoiner()
        self.started = False

    def start(self, id: Any = None, model: Any = None, service_tier: str | None = None) -> bytes:
        """Return the role chunk. Fixes the stream's id, model and service tier.

        The id and the model are the context's where the provider sends none.
        """
        context = self._context
        context.answer.model = to_well_formed(text_of(model)) or context.model
        context.answer.id = to_well_formed(text_of(id)) or context.id
        self.started = True
        common = {
            "id": context.answer.id,
            "object": "chat.completion.chunk",
            "created": context.created,
            "model": context.answer.model,
            **({"service_tier": service_tier} if service_tier else {}),
        }
        self._common = b"data: " + orjson.dumps(common)[:-1] + b',"choices":['
        self._provider = b',"provider":' + orjson.dumps(context.provider) + b"}\n\n"
        self._close = (b'}],"usage":null' if context.show_usage else b"}]") + self._provider
        self._open = self._common + b'{"index":%d,"delta":' % self._choice
        self._rest = b'},"finish_reason":null' + self._close
        self._text = self._open + b'{"content":'
        self._reasoning = self._open + b'{"reasoning_content":'
        return self._open + b'{"role":"assistant","content":""' + self._rest

    def text_delta(self, text: str) -> bytes:
        """Return a chunk with a piece of the answer's text."""
        self._context.answer.append_text(text)
        return self._text_event(self._text, text, self._rest)

    def reasoning_delta(self, text: str) -> bytes:
        """Return a chunk with a piece of the model's reasoning, in `reasoning_content` as most OpenAI hosts do."""
        self._context.answer.text_only = False
        return self._text_event(self._reasoning, text, self._rest)

    def refusal_delta(self, text: str) -> bytes:
        """Return a chunk with a piece of the reason why the model refuses to answer."""
        self._context.answer.text_only = False
        return self._text_event(self._open + b'{"refusal":', text, self._rest)

    def tool_call_start(self, index: int, id: str, name: str) -> bytes:
        """Return the first chunk of a tool call, under the caller's name for the tool. `index` counts from 0 per choice."""
        self._context.answer.text_only = False
        self._has_tool_calls = True
        function = {"name": self._context.tool_names.get(name, name), "arguments": ""}
        call = {"index": index, "id": id, "type": "function", "function": function}
        return self._open + b'{"tool_calls":' + serialize([call]) + self._rest

    def arguments_delta(self, index: int, fragment: str) -> bytes:
        """Return a chunk with a piece of a tool call's arguments, which are JSON as text."""
        self._context.answer.text_only = False
        start = self._open + b'{"tool_calls":[{"index":%d,"function":{"arguments":' % index
        return self._text_event(start, fragment, b"}}]" + self._rest)

    def complete_tool_call(self, index: int, call: Mapping[str, Any]) -> bytes:
        """Return a chunk with a complete tool call, as `build_tool_call` makes it. Further members are sent too."""
        self._has_tool_calls = True
        return self.delta("tool_calls", [{"index": index, **call}])

    def delta(self, member: str, value: Any) -> bytes:
        """Return a chunk whose delta has one other member."""
        self._context.answer.text_only = False
        return self._open + serialize({member: value})[:-1] + self._rest

    def finish(self, reason: str, provider_reason: str | None = None) -> bytes:
        """Return the last chunk of the choice. `stop` becomes `tool_calls` if there were any.

        `provider_reason` is the provider's own finish reason, where no OpenAI reason matches it.
        """
        reason = "tool_calls" if self._has_tool_calls and reason == "stop" else reason
        self._context.answer.finish_reason = reason
        own = b',"provider_finish_reason":' + serialize(provider_reason) if provider_reason else b""
        return self._flush_joiner() + self._open + b'{},"finish_reason":' + orjson.dumps(reason) + own + self._close

    def usage_chunk(self, usage: Mapping[str, Any]) -> bytes:
        """Return the chunk with usage and no choices, or b"" if the caller did not request it. Once per stream."""
        self._context.answer.usage = dict(usage)
        if not self._context.show_usage:
            return b""
        return self._common + b'],"usage":' + orjson.dumps(usage) + self._provider

    def done(self) -> bytes:
        """Return `[DONE]`. Only after the provider has ended the answer explicitly."""
        self._context.answer.done = True
        return encode(DONE)

    def _text_event(self, start: bytes, text: str, end: bytes) -> bytes:
        """Return an event with the text between `start` and `end`, or b"" if the text is only half a surrogate pair."""
        if not self._joiner.held:
            try:
                return start + orjson.dumps(text) + end
            except TypeError:
                pass  # a lone surrogate
        text = self._joiner.join((start, end), text)
        return start + orjson.dumps(text) + end if text else b""

    def _flush_joiner(self) -> bytes:
        """Return an event with U+FFFD for each text that ended in half a surrogate pair."""
        replacement = orjson.dumps(REPLACEMENT)
        return b"".join([start + replacement + end for start, end in self._joiner.flush()])


def error_event(error: ParrotError, context: ResponseContext) -> bytes:
    """Return an error as the last event of a stream."""
    context.answer.error = True
    return encode(serialize({"error": error.members()}))
