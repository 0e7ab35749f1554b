"""Translates requests for embeddings to Gemini's batches and its answers back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

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

PATHS = {"embeddings": "/v1beta/models/{model}:batchEmbedContents"}

MAX_TEXTS = 100
"""Requests of one batch."""

_SIZES: Mapping[str, Sequence[int]] = {
    "gemini-embedding": range(1, 3073),
    "text-embedding": range(1, 769),
    "embedding-001": (768,),
}
"""Prefix of a model's name -> the lengths of its vectors."""

TASK_TYPES: Mapping[str, str] = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "semantic_similarity": "SEMANTIC_SIMILARITY",
    "question_answering": "QUESTION_ANSWERING",
    "fact_verification": "FACT_VERIFICATION",
    "code_retrieval_query": "CODE_RETRIEVAL_QUERY",
}
"""Input type -> Google's `taskType`."""

_WITHOUT_TASK_TYPES = re.compile(r"gemini-embedding-(?!001|exp)")
"""Models whose task is a part of the text."""
_SHORTENED = "gemini-embedding-001"
"""The model whose shortened vectors do not have the length 1."""
_WHOLE_SIZE = 3072


class _Embedding(Struct, frozen=True):
    values: Raw


class _Answer(Struct, frozen=True, rename="camel"):
    embeddings: list[_Embedding]
    usage_metadata: Any = None


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build a batch with a request for each text, in parts if it has many. Raises InvalidRequestError."""
    name = call.model.removeprefix("models/")
    model = (call.family or name).removeprefix("models/")
    unsupported = unsupported_params(call.body, model)
    check_supported(unsupported)
    asked = parse_embeddings(call.body)
    members = {
        "model": f"models/{name}",
        "taskType": None if "input_type" in unsupported else TASK_TYPES.get(asked.input_type or ""),
        "outputDimensionality": size_to_request(asked.dimensions, _sizes(model)),
    }
    given = {member: value for member, value in members.items() if value is not None}
    path = PATHS["embeddings"].format(model=quote(name, safe=""))
    parts = [
        ProviderRequest(path, _batch(given, texts), response_options=_options(asked, model, len(texts)))
        for texts in batches(asked.texts, MAX_TEXTS)
    ]
    return in_parts(parts, drop_warnings(unsupported))


def _batch(members: Mapping[str, Any], texts: list[str]) -> bytes:
    return orjson.dumps({"requests": [{**members, "content": {"parts": [{"text": text}]}} for text in texts]})


def _options(asked: EmbeddingsRequest, model: str, count: int) -> dict[str, Any]:
    is_shortened = model.startswith(_SHORTENED) and asked.dimensions not in (None, _WHOLE_SIZE)
    return {"count": count, "is_base64": asked.is_base64, "is_normalized": is_shortened}


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that Gemini, or this model, does not support."""
    model = model.removeprefix("models/")
    supported = {"dimensions"} if _WITHOUT_TASK_TYPES.match(model) else {"dimensions", "input_type"}
    return unsupported_embedding_params(body, supported, _sizes(model))


def _sizes(model: str) -> Sequence[int] | None:
    return next((sizes for prefix, sizes in _SIZES.items() if model.startswith(prefix)), None)


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Translate a 200 body, of which some have no count of tokens. Raises MalformedResponse."""
    answer = decode_answer(data, _Answer)
    tokens = count_or_none(object_of(answer.usage_metadata).get("promptTokenCount"))
    return build_embeddings([each.values for each in answer.embeddings], tokens, context)
