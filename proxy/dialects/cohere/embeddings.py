"""Translates requests for embeddings to Cohere's v2 API and its answers back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Raw, Struct

from proxy.dialects.coerce import count_or_none, object_of
from proxy.dialects.contract import CallerRequest, ProviderRequest, ResponseContext
from proxy.dialects.hub.embeddings import (
    EmbeddingsRequest,
    batches,
    check_supported,
    in_parts,
    parse_embeddings,
    size_to_request,
    unsupported_embedding_params,
)
from proxy.dialects.hub.embeddings_answer import build_embeddings, decode_answer
from proxy.dialects.hub.params import drop_warnings

PATHS = {"embeddings": "/v2/embed"}

MAX_TEXTS = 96
"""Texts of one request."""

_SIZES: tuple[tuple[re.Pattern[str], Sequence[int]], ...] = (
    (re.compile(r"embed-(?:english|multilingual)-light-v3"), (384,)),
    (re.compile(r"embed-(?:english|multilingual)-v3"), (1024,)),
    (re.compile(r"embed-v4"), (256, 512, 1024, 1536)),
)
"""Models, of which the first match applies -> the lengths of their vectors."""

_SUPPORTED = frozenset({"dimensions", "input_type", "output_dtype"})

_INPUT_TYPES: Mapping[str | None, str] = {
    None: "search_document",
    "semantic_similarity": "clustering",
    "question_answering": "search_query",
    "fact_verification": "search_query",
    "code_retrieval_query": "search_query",
}
"""Input type -> Cohere's nearest, where that has another name. It requires one."""


class _Answer(Struct, frozen=True):
    embeddings: dict[str, list[Raw]]
    meta: Any = None


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build the request, in parts if it has many texts. Raises InvalidRequestError."""
    model = call.family or call.model
    unsupported = unsupported_params(call.body, model)
    check_supported(unsupported)
    asked = parse_embeddings(call.body)
    members = {
        "model": call.model,
        "input_type": _INPUT_TYPES.get(asked.input_type, asked.input_type),
        "embedding_types": [asked.dtype],
        "output_dimension": size_to_request(asked.dimensions, _sizes(model)),
    }
    given = {name: value for name, value in members.items() if value is not None}
    parts = [_part(given, texts, asked) for texts in batches(asked.texts, MAX_TEXTS)]
    return in_parts(parts, drop_warnings(unsupported) + _type_warnings(asked.input_type))


def _part(members: Mapping[str, Any], texts: list[str], asked: EmbeddingsRequest) -> ProviderRequest:
    options = {
        "count": len(texts),
        "is_base64": asked.is_base64 and asked.dtype == "float",
        "dtype": asked.dtype,
    }
    return ProviderRequest(PATHS["embeddings"], orjson.dumps({**members, "texts": texts}), response_options=options)


def _type_warnings(input_type: str | None) -> tuple[str, ...]:
    """Return the warning for an input type that Cohere has no word for."""
    if input_type is None or input_type not in _INPUT_TYPES:
        return ()
    return (f"param-clamped;name=input_type;value={_INPUT_TYPES[input_type]}",)


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that Cohere, or this model, does not support."""
    return unsupported_embedding_params(body, _SUPPORTED, _sizes(model))


def _sizes(model: str) -> Sequence[int] | None:
    return next((sizes for pattern, sizes in _SIZES if pattern.match(model)), None)


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Translate a 200 body. Raises MalformedResponse."""
    answer = decode_answer(data, _Answer)
    billed = object_of(object_of(answer.meta).get("billed_units"))
    vectors = answer.embeddings.get(context.response_options["dtype"], [])
    return build_embeddings(vectors, count_or_none(billed.get("input_tokens")), context)
