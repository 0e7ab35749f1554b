"""Records in a CompletionState what a chunk or a typed event contains: text, finish reasons, usage, errors."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.hub.chunk import Chunk
from proxy.dialects.hub.events import chat_usage
from proxy.messages import CompletionState


def record_chunk(chunk: Chunk, seen: CompletionState) -> None:
    """What the log, the costs and the terminal rule need of an answer or a chunk; a host may leave any of it out."""
    seen.id = seen.id or text_of(chunk.id) or None
    seen.model = chunk.model or seen.model
    if chunk.usage:
        seen.usage = chat_usage(chunk.usage)
    for choice in chunk.choices or ():
        if choice.delta:
            record_delta(choice.delta, seen)
        elif choice.text:
            seen.text_only = False
        finish, index = choice.finish_reason, choice.index
        if finish:
            seen.finish_reason = text_of(finish) or "stop"
        if index is not None and (finish or index not in seen.choice_finished):
            seen.choice_finished[index] = bool(finish)


def record_delta(delta: Any, seen: CompletionState) -> None:
    """The text so far, for going on elsewhere with it; anything else cannot be gone on with."""
    if not isinstance(delta, dict):
        seen.text_only = False
        return
    for name, value in delta.items():
        if name == "content" and isinstance(value, str):
            seen.append_text(value)
        elif value and name != "role":
            seen.text_only = False
