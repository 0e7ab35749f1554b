"""The typed events of /responses and of streamed images: which carry content, and which end the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.hub.chunk import Choice, Chunk, decode_chunk
from proxy.messages import CompletionState
from proxy.sse import Event

END_EVENTS: Mapping[str, str] = {
    "response.completed": "stop",
    "response.incomplete": "length",
    "image_generation.completed": "stop",
    "image_edit.completed": "stop",
}
"""An ending event -> the finish reason it amounts to; after it no `[DONE]` is due."""

_ONE_OF_SEVERAL = frozenset({"image_generation.completed", "image_edit.completed"})
"""Ending events that come once for each image."""

FAILURE_EVENTS = frozenset({"error", "response.failed"})

_CONTENT = (".delta", ".partial_image", "response.output_item.added")


def record_event(event: Chunk, seen: CompletionState) -> None:
    """What an event says of how the answer went."""
    kind, response = event.type, event.response or event
    if not isinstance(kind, str):
        return
    if kind in FAILURE_EVENTS:
        seen.error = True
    elif kind in END_EVENTS:
        seen.finish_reason = END_EVENTS[kind]
        if kind in _ONE_OF_SEVERAL:
            seen.choice_finished[len(seen.choice_finished)] = True
        seen.done = kind not in _ONE_OF_SEVERAL or len(seen.choice_finished) >= seen.requested_choices
        seen.usage = chat_usage(response.usage) or seen.usage
    if event_has_content(event):
        seen.text_only = False  # it is content, but no text that another target could go on with
    seen.model = response.model or seen.model


def event_has_content(event: Chunk) -> bool:
    """Whether it carries content, or an end."""
    kind = event.type
    return isinstance(kind, str) and (kind.endswith(_CONTENT) or kind in END_EVENTS or kind in FAILURE_EVENTS)


def error_of(event: Mapping[str, Any]) -> Any:
    """Return the error in a chunk or a typed event, of whatever type; None if there is none."""
    kind = event.get("type")
    if kind == "response.failed":
        return object_of(event.get("response")).get("error") or {"message": "the response failed"}
    if kind == "error" and not event.get("error"):
        return {name: value for name, value in event.items() if name != "type"} or {"message": "an error event"}
    return event.get("error") or None


def chat_usage(usage: Any) -> dict[str, Any] | None:
    """Usage in chat's words: /responses and images count input and output tokens."""
    if not isinstance(usage, dict):
        return None
    if "input_tokens" not in usage:
        return usage
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
    }


def has_content(event: Event) -> bool:
    """A delta with anything in it but a role; a finish and an error count too, `[DONE]` alone does not."""
    chunk = decode_chunk(event.data) if event.data is not None else None
    if not isinstance(chunk, Chunk):
        return False
    return bool(chunk.error) or any(map(_says, chunk.choices or ())) or event_has_content(chunk)


def _says(choice: Choice) -> bool:
    delta = choice.delta
    said = isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")
    return bool(choice.finish_reason or choice.text or said)
