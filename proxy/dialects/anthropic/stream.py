"""Translates the event stream of Anthropic's Messages API into OpenAI's chat completion chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proxy.dialects.anthropic.response import error_from_event, is_answer, refusal, served_tier, to_openai_usage
from proxy.dialects.anthropic.tables import finish_reason
from proxy.dialects.anthropic.thinking import StreamedThinking
from proxy.dialects.anthropic.web_search import StreamedCitations
from proxy.dialects.coerce import content_of, count_of, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.hub.completion import call_id_stem
from proxy.dialects.lenient_json import parse_or_none, serialize, with_exact_integers
from proxy.sse import Event, data_of

_DELTA_PREFIX = b"event: content_block_delta\ndata: "
_DELTA_MEMBERS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class AnthropicStream(FrameTransform):
    """Translates events one by one, with one handler per event type. Events that have no OpenAI equivalent are dropped."""

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._chunks = ChunkWriter(context)
        self._counts: dict[str, Any] = {}
        self._thinking = StreamedThinking()
        self._citations = StreamedCitations()
        self._model = context.model
        self._call_numbers: dict[Any, int] = {}
        """Index of a content block -> index of the tool call in OpenAI's chunks, counted from 0."""
        self._answers: set[Any] = set()
        """Indexes of content blocks that are calls of the tool whose input is the text of the answer."""
        self._pending_tool_input: dict[Any, Any] = {}
        """Index of a content block -> input given in its start event, kept until a fragment arrives.

        Written when the block ends, for tools whose input is not streamed."""

    def _translate_end(self, rest: bytes) -> bytes:
        """Translate a last event that lacks its blank line, if its JSON is complete. Missing events are not invented."""
        data = data_of(rest)
        return self._translate_frame(rest) if data is not None and parse_or_none(data) is not None else b""

    def _translate_frame(self, frame: bytes) -> bytes:
        event = parse_frame(frame)
        if isinstance(event, dict):
            handle = _HANDLERS.get(text_of(event.get("type")))
            if handle is not None:
                return handle(self, event)
            return self._on_error(event) if event.get("error") else b""
        self._context.answer.dropped_events += event is not NO_DATA
        return b""

    def _ensure_started(self) -> bytes:
        return b"" if self._chunks.started else self._chunks.start()

    def _on_message_start(self, event: dict[str, Any]) -> bytes:
        message = object_of(event.get("message"))
        if self._chunks.started:
            return b""
        self._update_usage(message.get("usage"))
        self._model = text_of(message.get("model")) or self._model
        return self._chunks.start(message.get("id"), message.get("model"), served_tier(message.get("usage")))

    def _update_usage(self, counts: Any) -> None:
        """Merge token counts: they are cumulative, and an event may omit some or send them as 0."""
        self._counts |= {name: count for name, count in object_of(counts).items() if count or name not in self._counts}
        self._context.answer.usage = to_openai_usage(self._counts)

    def _on_block_start(self, event: dict[str, Any]) -> bytes:
        block, index = object_of(event.get("content_block")), count_of(event.get("index"))
        kind = block.get("type")
        if kind == "tool_use" and is_answer(block, self._context):
            self._pending_tool_input[index] = block.get("input") or {}
            self._answers.add(index)
            return self._ensure_started()
        if kind == "tool_use":
            id = content_of(block.get("id")) or f"call_{call_id_stem(self._context)}_{len(self._call_numbers)}"
            start = self._ensure_started() + self._chunks.tool_call_start(
                len(self._call_numbers), id, content_of(block.get("name"))
            )
            self._call_numbers[index] = len(self._call_numbers)
            self._pending_tool_input[index] = block.get("input") or {}
            return start
        self._thinking.open(index, block)
        self._citations.open(self._context.answer.length)
        return (
            self._text_delta("text" if kind == "text" else "thinking", block) if kind in ("text", "thinking") else b""
        )

    def _on_block_delta(self, event: dict[str, Any]) -> bytes:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            self._context.answer.dropped_events += 1
            return b""
        kind = _DELTA_MEMBERS.get(text_of(delta.get("type")))
        if kind != "text":
            self._thinking.add(count_of(event.get("index")), delta)
            self._citations.add(delta)
        if kind == "partial_json":
            return self._ensure_started() + self._arguments_delta(
                count_of(event.get("index")), content_of(delta.get(kind))
            )
        return self._text_delta(kind, delta) if kind else b""

    def _text_delta(self, kind: str, holder: dict[str, Any]) -> bytes:
        """Write text or thinking from a block start or a delta."""
        piece = content_of(holder.get(kind))
        if not piece:
            return b""
        return self._ensure_started() + (
            self._chunks.text_delta(piece) if kind == "text" else self._chunks.reasoning_delta(piece)
        )

    def _arguments_delta(self, index: Any, fragment: str) -> bytes:
        """Write a fragment of a call's arguments, or of an answer. Fragments of server tools are dropped."""
        if not fragment or not (index in self._call_numbers or index in self._answers):
            return b""
        self._pending_tool_input.pop(index, None)
        if index in self._answers:
            return self._chunks.text_delta(fragment)
        return self._chunks.arguments_delta(self._call_numbers[index], fragment)

    def _on_block_stop(self, event: dict[str, Any]) -> bytes:
        """Write thinking with its signature, or the input of a call that had no fragments: usually {}."""
        index = count_of(event.get("index"))
        if annotations := self._citations.close(self._context.answer.length):
            return self._ensure_started() + self._chunks.delta("annotations", annotations)
        if (block := self._thinking.close(index, self._model)) is not None:
            return self._ensure_started() + self._chunks.delta("thinking_blocks", [block])
        if index not in self._pending_tool_input:
            return b""
        return self._arguments_delta(index, serialize(self._pending_tool_input[index]).decode())

    def _on_message_delta(self, event: dict[str, Any]) -> bytes:
        delta = object_of(event.get("delta"))
        self._update_usage(event.get("usage"))
        if not delta.get("stop_reason") or self._context.answer.finish_reason:
            return b""
        start = self._ensure_started()
        pending = b"".join([self._on_block_stop({"index": index}) for index in list(self._pending_tool_input)])
        explanation = refusal(delta)
        refusal_chunk = self._chunks.refusal_delta(explanation) if explanation else b""
        reason = finish_reason(text_of(delta["stop_reason"]), has_calls=bool(self._call_numbers))
        return start + pending + refusal_chunk + self._chunks.finish(reason)

    def _on_message_stop(self, event: dict[str, Any]) -> bytes:
        """End the stream. Without a finish reason the answer counts as cut off, so nothing is written."""
        if not self._context.answer.finish_reason:
            return b""
        return self._chunks.usage_chunk(to_openai_usage(self._counts)) + self._chunks.done()

    def _on_error(self, event: dict[str, Any]) -> bytes:
        return error_event(error_from_event(event), self._context)


_HANDLERS: Mapping[str, Callable[[AnthropicStream, dict[str, Any]], bytes]] = {
    "message_start": AnthropicStream._on_message_start,
    "content_block_start": AnthropicStream._on_block_start,
    "content_block_delta": AnthropicStream._on_block_delta,
    "content_block_stop": AnthropicStream._on_block_stop,
    "message_delta": AnthropicStream._on_message_delta,
    "message_stop": AnthropicStream._on_message_stop,
    "error": AnthropicStream._on_error,
}


def has_content(event: Event) -> bool:
    """Return whether an event has text, thinking, a tool call, a finish reason or an error."""
    payload = parse_or_none(event.data) if event.data is not None else None
    if not isinstance(payload, dict):
        return False
    kind, block, delta = payload.get("type"), object_of(payload.get("content_block")), object_of(payload.get("delta"))
    if kind == "content_block_start":
        return block.get("type") == "tool_use" or bool(block.get("text") or block.get("thinking"))
    if kind == "content_block_delta":
        return bool(delta.get(_DELTA_MEMBERS.get(text_of(delta.get("type")), "")))
    return bool(kind == "error" or payload.get("error") or (kind == "message_delta" and delta.get("stop_reason")))


NO_DATA = object()


def parse_frame(frame: bytes) -> Any:
    """Return the JSON of a frame, None if it is not JSON, or `NO_DATA` if the frame has no data."""
    if frame.startswith(_DELTA_PREFIX):  # fast path for most frames. JSON ignores the trailing line ends
        try:
            return orjson.loads(frame[len(_DELTA_PREFIX) :])
        except orjson.JSONDecodeError:
            pass
    data = data_of(frame)
    return NO_DATA if data is None else with_exact_integers(parse_or_none(data), data)
