"""OpenAI's side of an answer, written: the chunks of a stream, or the whole; what is written is noted in `Reading.answer`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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


def build_completion(said: Mapping[str, Any], reading: ResponseContext) -> bytes:
    """A whole answer from its `choices` and `usage`; `id`, `model` and `created` are the reading's where not given."""
    given = {key: value for key, value in said.items() if isinstance(value, _TYPES.get(key, object))}
    body: dict[str, Any] = {
        "id": reading.id,
        "object": "chat.completion",
        "created": reading.created,
        "model": reading.model,
        **{key: value for key, value in given.items() if value is not None},
        "provider": reading.provider,
    }
    seen = reading.answer
    seen.model, seen.usage, seen.done = to_well_formed(body["model"]), body.get("usage"), True
    for choice in body["choices"]:
        seen.finish_reason = choice["finish_reason"]
    return serialize(body)


_TYPES: Mapping[str, type] = {"id": str, "model": str, "created": int}


def build_choice(message: Mapping[str, Any], reason: str, index: int = 0) -> dict[str, Any]:
    """One choice of a whole answer; `content` and `refusal_delta` are always there, members that are None otherwise are not."""
    calls = message.get("tool_calls")
    full = {"role": "assistant", "content": None, "refusal": None}
    full |= {key: value for key, value in message.items() if value is not None and (key != "tool_calls" or value)}
    reason = "tool_calls" if calls and reason == "stop" else reason
    return {"index": index, "message": full, "logprobs": None, "finish_reason": reason}


def build_tool_call(id: str, name: str, arguments: str, names: Mapping[str, str]) -> dict[str, Any]:
    """A tool call of a whole answer, under the caller's own name for the tool."""
    return {"id": id, "type": "function", "function": {"name": names.get(name, name), "arguments": arguments}}


TokenDetails = Mapping[str, int | None]
_NONE: TokenDetails = MappingProxyType({})


def build_usage(
    prompt: int, completion: int, prompted: TokenDetails = _NONE, completed: TokenDetails = _NONE
) -> dict[str, Any]:
    """Counts in OpenAI's shape; details that are None (unknown) are left out, and so is a group without any."""
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    for name, details in (("prompt_tokens_details", prompted), ("completion_tokens_details", completed)):
        known = {key: value for key, value in details.items() if value is not None}
        if known:
            counts[name] = known
    return counts
