"""What OpenAI takes of a request for embeddings. Answers pass without parsing their vectors, which can be millions of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.embeddings_answer import decode_answer
from proxy.dialects.hub.splice import append_member, provider_member
from proxy.dialects.lenient_json import to_utf8

_FIXED_SIZE_MODEL, _FIXED_SIZE = "text-embedding-ada-002", 1536
"""The model whose vectors have one length only."""
_FOREIGN = ("input_type", "output_dtype")


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the parameters of a request for embeddings that OpenAI has no word for, and another length than a fixed one."""
    names = [name for name in _FOREIGN if body.get(name) is not None]
    names = [name for name in names if (name, body[name]) != ("output_dtype", "float")]
    has_other_size = model.startswith(_FIXED_SIZE_MODEL) and body.get("dimensions") not in (None, _FIXED_SIZE)
    return (*names, *(["dimensions"] if has_other_size else []))


def neutral_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the parameters that ask for what the vectors have anyway, which OpenAI refuses all the same."""
    neutral = ("output_dtype", *(["dimensions"] if model.startswith(_FIXED_SIZE_MODEL) else []))
    return tuple(name for name in neutral if name in body)


class _Answer(Struct, frozen=True):
    data: list[Raw]
    model: Any = None
    usage: Any = None


def pass_embeddings(data: bytes, context: ResponseContext) -> bytes:
    """Append `"provider"` as the last member, byte-exact otherwise. Raises MalformedResponse if there are no vectors in it."""
    answer, state = decode_answer(data, _Answer), context.answer
    state.model, state.usage, state.done = text_of(answer.model) or context.model, object_of(answer.usage) or None, True
    return append_member(to_utf8(data), provider_member(context.provider))
