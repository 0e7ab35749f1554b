"""Passes an answer with embeddings through, without parsing its vectors, which can be millions of numbers."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.embeddings_answer import decode_answer
from proxy.dialects.hub.splice import append_member, provider_member
from proxy.dialects.lenient_json import to_utf8


class _Answer(Struct, frozen=True):
    data: list[Raw]
    model: Any = None
    usage: Any = None


def pass_embeddings(data: bytes, context: ResponseContext) -> bytes:
    """Append `"provider"` as the last member, byte-exact otherwise. Raises MalformedResponse if there are no vectors in it."""
    answer, state = decode_answer(data, _Answer), context.answer
    state.model, state.usage, state.done = text_of(answer.model) or context.model, object_of(answer.usage) or None, True
    return append_member(to_utf8(data), provider_member(context.provider))
