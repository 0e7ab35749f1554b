"""Reads stream events of an OpenAI host: chunks of /chat/completions, typed events of /responses and streamed images."""

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
    "speech.audio.done": "stop",
    "transcript.text.done": "stop",
}
"""Types of events that end an answer, without a `[DONE]` after them -> the finish reason in chat's terms."""

_ONE_PER_IMAGE = frozenset({"image_generation.completed", "image_edit.completed"})
"""Ending events of which one comes for each image."""

_CHAT_COUNTS = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
}
_CHAT_DETAILS = {
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
"""The token counts of /responses and of images -> their names in chat."""

FAILURE_EVENTS = frozenset({"error", "response.failed"})

_CONTENT_SUFFIXES = (".delta", ".partial_image", "response.output_item.added")


def has_content(event: Event) -> bool:
    """Whether an event contains anything but a role: text, reasoning, a tool call, an image, a finish reason, an error.

    `[DONE]` alone does not count.
    """
    chunk = decode_chunk(event.data) if event.data is not None else None
    if not isinstance(chunk, Chunk):
        return False
    return bool(chunk.error) or any(map(_choice_has_content, chunk.choices or ())) or event_has_content(chunk)


def _choice_has_content(choice: Choice) -> bool:
    delta = choice.delta
    in_delta = isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")
    return bool(choice.finish_reason or choice.text or in_delta)


def event_has_content(event: Chunk) -> bool:
    """Whether a typed event contains content, an end or an error."""
    kind = event.type
    return isinstance(kind, str) and (kind.endswith(_CONTENT_SUFFIXES) or kind in END_EVENTS or kind in FAILURE_EVENTS)


def is_failure(event: Chunk) -> bool:
    """Whether a typed event says that the answer has failed."""
    return isinstance(event.type, str) and event.type in FAILURE_EVENTS


def record_event(event: Chunk, state: CompletionState) -> None:
    """Record a typed event: model, usage, end or error."""
    kind, response = event.type, event.response or event
    if not isinstance(kind, str):
        return
    if kind in FAILURE_EVENTS:
        state.error = True
    elif kind in END_EVENTS:
        state.finish_reason = END_EVENTS[kind]
        if kind in _ONE_PER_IMAGE:
            state.seen_choices.add(len(state.seen_choices))
        state.done = kind not in _ONE_PER_IMAGE or len(state.seen_choices) >= state.requested_choices
        state.usage = chat_usage(response.usage) or state.usage
    if event_has_content(event):
        state.text_only = False  # an answer in typed events cannot be resumed at another target
    state.model = response.model or state.model


def error_of(event: Mapping[str, Any]) -> Any:
    """Return the error in a chunk or a typed event, whatever its JSON type, or None if it has none."""
    kind = event.get("type")
    if kind == "response.failed":
        return object_of(event.get("response")).get("error") or {"message": "the response failed"}
    if kind == "error" and not event.get("error"):
        return {name: value for name, value in event.items() if name != "type"} or {"message": "an error event"}
    return event.get("error") or None


def chat_usage(usage: Any) -> dict[str, Any] | None:
    """Return usage under the names of chat. /responses and images call prompt and completion tokens input and output."""
    if not isinstance(usage, dict):
        return None
    if "input_tokens" not in usage:
        return usage
    details = {name: usage[old] for old, name in _CHAT_DETAILS.items() if usage.get(old)}
    return {name: usage.get(old) for old, name in _CHAT_COUNTS.items()} | details
