"""Records in a CompletionState what a chunk contains: id, model, text, finish reasons and usage."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.hub.chunk import Chunk
from proxy.dialects.hub.events import chat_usage
from proxy.dialects.hub.usage import merge_usage
from proxy.messages import CompletionState


def record_chunk(chunk: Chunk, state: CompletionState) -> None:
    """Record a chunk, or a whole completion. Hosts may leave any member out."""
    if state.id is None:
        state.id = text_of(chunk.id) or None
    state.model = chunk.model or state.model
    if chunk.usage:
        state.usage = merge_usage(state.usage, chat_usage(chunk.usage))
    for choice in chunk.choices or ():
        if choice.delta:
            record_delta(choice.delta, state)
        elif choice.text:
            state.text_only = False
        finish_reason, index = choice.finish_reason, choice.index
        if finish_reason:
            state.finish_reason = text_of(finish_reason) or "stop"
        if index is None:
            continue
        if finish_reason:
            state.open_choices.discard(index)
            state.seen_choices.add(index)
        elif index not in state.seen_choices:
            state.open_choices.add(index)
            state.seen_choices.add(index)


def record_delta(delta: Any, state: CompletionState) -> None:
    """Append the delta's text. Anything but text makes the answer one that cannot be resumed at another target."""
    if not isinstance(delta, dict):
        state.text_only = False
        return
    for name, value in delta.items():
        if name == "content" and isinstance(value, str):
            state.append_text(value)
        elif value and name != "role":
            state.text_only = False
