"""Translates Cohere's event stream into OpenAI's chat completion chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, object_of, objects_of, text_of
from proxy.dialects.cohere.response import finish_reason, to_openai_usage
from proxy.dialects.cohere.tables import FAILED_FINISH_REASONS
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import error_response, message_from_value
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk import DONE
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.hub.completion import call_id_stem
from proxy.dialects.lenient_json import parse_or_none, with_exact_integers
from proxy.sse import Event, data_of


class CohereStream(FrameTransform):
    """Translates events one by one, with one handler per event type. `message-end` ends the stream. Later events are ignored."""

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._chunks = ChunkWriter(context)
        self._call_count = 0
        self._has_arguments = True
        """Whether arguments of the latest call were written. Initially true, as there is no call."""

    def _translate_end(self, rest: bytes) -> bytes:
        """Translate a last event that lacks its blank line. An incomplete event is dropped."""
        data = data_of(rest)
        return self._translate_frame(rest) if data is not None and parse_or_none(data) is not None else b""

    def _translate_frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data is None or data == DONE:
            return b""
        event = with_exact_integers(parse_or_none(data), data)
        if not isinstance(event, dict):
            self._context.answer.dropped_events += 1
            return b""
        handle = _HANDLERS.get(text_of(event.get("type")))
        if handle is not None:
            return handle(self, event)
        return self._error_event(500, event) if _is_error(event) else b""

    def _on_message_start(self, event: Mapping[str, Any]) -> bytes:
        return b"" if self._chunks.started else self._chunks.start(id=event.get("id"))

    def _ensure_started(self) -> bytes:
        """Write the role chunk if the stream had no `message-start`."""
        return b"" if self._chunks.started else self._chunks.start()

    def _on_content(self, event: Mapping[str, Any]) -> bytes:
        """Write consecutive texts of one kind as one chunk, so that an event of many short ones does not grow many times."""
        parts = _delta_objects(event, "content")
        texts = [
            (kind, text) for part in parts for kind in ("thinking", "text") if (text := content_of(part.get(kind)))
        ]
        output = [self._ensure_started()]
        for kind, run in groupby(texts, key=itemgetter(0)):
            joined = "".join([text for _, text in run])
            output.append(self._chunks.text_delta(joined) if kind == "text" else self._chunks.reasoning_delta(joined))
        return b"".join(output)

    def _on_tool_plan(self, event: Mapping[str, Any]) -> bytes:
        plan = content_of(_message(event).get("tool_plan"))
        return self._ensure_started() + (self._chunks.reasoning_delta(plan) if plan else b"")

    def _on_call_start(self, event: Mapping[str, Any]) -> bytes:
        """Write the start of a call. Calls are numbered from 0 here. `tool_calls` is usually an object, sometimes a list."""
        output = [self._ensure_started()]
        for call in _delta_objects(event, "tool_calls") or [{}]:
            output.append(self._on_call_end(event))
            name = content_of(object_of(call.get("function")).get("name"))
            index, self._call_count, self._has_arguments = self._call_count, self._call_count + 1, False
            id = text_of(call.get("id")) or f"call_{call_id_stem(self._context)}_{index}"
            output += [self._chunks.tool_call_start(index, id, name), self._arguments_delta(call)]
        return b"".join(output)

    def _on_call_delta(self, event: Mapping[str, Any]) -> bytes:
        return b"".join(map(self._arguments_delta, _delta_objects(event, "tool_calls")))

    def _arguments_delta(self, call: Mapping[str, Any]) -> bytes:
        fragment = arguments_of(object_of(call.get("function")).get("arguments"))
        if not fragment or not self._call_count:
            return b""
        self._has_arguments = True
        return self._chunks.arguments_delta(self._call_count - 1, fragment)

    def _on_call_end(self, event: Mapping[str, Any]) -> bytes:
        """Write an empty object as the arguments of a call that had none, because "" is not valid JSON."""
        if self._has_arguments:
            return b""
        self._has_arguments = True
        return self._chunks.arguments_delta(self._call_count - 1, "{}")

    def _on_message_end(self, event: Mapping[str, Any]) -> bytes:
        delta = object_of(event.get("delta"))
        reason = text_of(delta.get("finish_reason"))
        if delta.get("error") or reason in FAILED_FINISH_REASONS:
            error = delta.get("error") or f"the provider ended the answer with {reason}"
            return self._error_event(FAILED_FINISH_REASONS.get(reason, 500), error)
        counts = to_openai_usage(delta.get("usage"))
        end = self._ensure_started() + self._on_call_end(event) + self._chunks.finish(finish_reason(reason))
        return end + (self._chunks.usage_chunk(counts) if counts else b"") + self._chunks.done()

    def _error_event(self, status: int, error: Any) -> bytes:
        message = message_from_value(error) or "the provider ended the stream with an error"
        return error_event(error_response(status, {}, message), self._context)


_HANDLERS: Mapping[str, Callable[[CohereStream, Mapping[str, Any]], bytes]] = {
    "message-start": CohereStream._on_message_start,
    "content-start": CohereStream._on_content,
    "content-delta": CohereStream._on_content,
    "tool-plan-delta": CohereStream._on_tool_plan,
    "tool-call-start": CohereStream._on_call_start,
    "tool-call-delta": CohereStream._on_call_delta,
    "tool-call-end": CohereStream._on_call_end,
    "message-end": CohereStream._on_message_end,
}


def has_content(event: Event) -> bool:
    """Return whether an event has text, reasoning, a tool call, an error or the end."""
    if event.data is None:
        return False
    parsed = parse_or_none(event.data)
    if not isinstance(parsed, dict):
        return event.data == DONE
    kind = parsed.get("type")
    if kind in ("content-start", "content-delta"):
        return any(part.get("text") or part.get("thinking") for part in _delta_objects(parsed, "content"))
    return kind in ("tool-plan-delta", "tool-call-start", "message-end") or _is_error(parsed)


def _is_error(event: Mapping[str, Any]) -> bool:
    """Return whether this is an error body in place of an event."""
    return bool(event.get("error")) or ("type" not in event and isinstance(event.get("message"), str))


def _message(event: Mapping[str, Any]) -> dict[str, Any]:
    return object_of(object_of(event.get("delta")).get("message"))


def _delta_objects(event: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of one member of the delta's message, which is a list or a single object."""
    value = _message(event).get(name)
    return objects_of(value if isinstance(value, list) else [value])
