"""Simulation of Gemini's embeddings: embedContent and batchEmbedContents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy.sandbox.contract import Call, Reply, SimulatedError, json_reply, parse_json_object
from proxy.sandbox.google_request import to_camel_case
from proxy.sandbox.model import count_tokens
from proxy.sandbox.vectors import as_numbers, unit_vector

MAX_BATCH = 100
_MEMBERS = frozenset({"model", "content", "taskType", "title", "outputDimensionality"})
"""Those of an EmbedContentRequest, from Google's SDK (3.4)."""
_TASK_TYPES = frozenset({
    "TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION",
    "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY",
})  # fmt: skip
_SIZE = 3072
_UNNORMALIZED = "gemini-embedding-001"
"""The model whose shortened vectors do not have the length 1, and which does not count tokens."""


def embed_content(call: Call, model: str) -> Reply:
    """Return the vector of a content, whose parts are one text."""
    body = to_camel_case(parse_json_object(call))
    vector = _embed(body, model, is_single=True)
    return _reply({"embedding": vector}, [body], model)


def batch_embed_contents(call: Call, model: str) -> Reply:
    """Return a vector for each request of a batch."""
    body = to_camel_case(parse_json_object(call))
    requests = body.get("requests")
    if set(body) - {"requests", "model"} or not isinstance(requests, list) or not requests:
        raise SimulatedError(400, "BatchEmbedContentsRequest.requests: must not be empty, and alone")
    if len(requests) > MAX_BATCH:
        what = f"at most {MAX_BATCH} requests can be in one batch"
        raise SimulatedError(400, f"* BatchEmbedContentsRequest.requests: {what}")
    return _reply({"embeddings": [_embed(each, model, is_single=False) for each in requests]}, requests, model)


def _reply(answer: Mapping[str, Any], requests: list[Any], model: str) -> Reply:
    tokens = sum(count_tokens(_text(each)) for each in requests)
    counted = {} if model == _UNNORMALIZED else {"usageMetadata": {"promptTokenCount": tokens}}
    return replace(json_reply(200, {}, {**answer, **counted}), tokens=tokens)


def _embed(request: Mapping[str, Any], model: str, *, is_single: bool) -> dict[str, Any]:
    """Return the vector of a request. Raises SimulatedError for what Gemini refuses."""
    for name in set(request) - _MEMBERS:
        message = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        raise SimulatedError(400, message)
    named = request.get("model")
    if named != f"models/{model}" and not (is_single and named is None):
        raise SimulatedError(400, f"The model of each request must be models/{model}")
    if not _text(request):
        raise SimulatedError(400, "EmbedContentRequest.content: must not be empty")
    if request.get("taskType", "RETRIEVAL_QUERY") not in _TASK_TYPES:
        raise SimulatedError(400, f"Invalid value at 'task_type': {request['taskType']}")
    return {"values": _values(_text(request), request.get("outputDimensionality"), model)}


def _values(text: str, size: int | None, model: str) -> Any:
    if size is not None and not 1 <= size <= _SIZE:
        raise SimulatedError(400, f"EmbedContentRequest.output_dimensionality: must be from 1 to {_SIZE}")
    if model != _UNNORMALIZED:
        return as_numbers(unit_vector(text, size or _SIZE))
    return as_numbers(unit_vector(text, _SIZE)[: 4 * (size or _SIZE)])


def _text(request: Any) -> str:
    content = request.get("content") if isinstance(request, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    return "".join(str(part.get("text") or "") for part in parts or () if isinstance(part, dict))
