"""Passes complete answers of Gemini's API through to callers who speak it, and records what they contain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct

from proxy.dialects.coerce import count_of, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.google import response
from proxy.dialects.hub.embeddings_answer import decode_answer
from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse


class _Vector(Struct, frozen=True):
    values: Raw


class _Embedding(Struct, frozen=True, rename="camel"):
    embedding: _Vector
    usage_metadata: Any = None


class _Embeddings(Struct, frozen=True, rename="camel"):
    embeddings: list[_Vector]
    usage_metadata: Any = None


_EMBEDDINGS: Mapping[str, type[_Embedding | _Embeddings]] = {
    "batch_embed_contents": _Embeddings,
    "embed_content": _Embedding,
}
"""Endpoint -> what its answer must have. Vectors are not parsed."""


def native_response(data: bytes, context: ResponseContext) -> bytes:
    """Return the body as it came. Raises MalformedResponse if it is not an answer, or one whose generation failed."""
    if context.endpoint in _EMBEDDINGS:
        return _checked_vectors(data, context)
    body = parse_success_body(data, response.unwrap_list)
    if context.endpoint == "count_content_tokens":
        return _checked_count(data, body, context)
    found = response.candidates(body)
    blocked = response.block_reason(body) is not None
    if not found and not blocked:
        raise MalformedResponse("the provider answered 200 without a candidate")
    state = context.answer
    state.id, state.model = text_of(body.get("responseId")) or None, text_of(body.get("modelVersion")) or context.model
    state.finish_reason, state.done = "content_filter" if blocked else response.finish_reason(found[-1]), True
    if counts := object_of(body.get("usageMetadata")):
        state.usage = response.to_openai_usage(counts)
    return data


def _checked_count(data: bytes, body: Mapping[str, Any], context: ResponseContext) -> bytes:
    if not isinstance(body.get("totalTokens"), int):
        raise MalformedResponse("the provider answered 200 without a count of tokens")
    context.answer.model, context.answer.finish_reason, context.answer.done = context.model, "stop", True
    return data


def _checked_vectors(data: bytes, context: ResponseContext) -> bytes:
    answer = decode_answer(data, _EMBEDDINGS[context.endpoint])
    state, tokens = context.answer, object_of(answer.usage_metadata).get("promptTokenCount")
    state.model, state.done = context.model, True
    state.usage = None if tokens is None else {"prompt_tokens": count_of(tokens), "total_tokens": count_of(tokens)}
    return data
