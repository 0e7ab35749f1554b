"""Simulation of Cohere's `/v2/embed` for texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from proxy.sandbox.contract import Call, Reply, SimulatedError, json_reply, parse_json_object
from proxy.sandbox.model import count_tokens
from proxy.sandbox.vectors import NUMBER_TYPES, as_base64, unit_vector

MAX_TEXTS = 96
_PARAMETERS = "embedding_types images input_type inputs max_tokens model output_dimension priority texts truncate"
"""From the signature of Cohere's client (7.3)."""
_ALLOWED = frozenset(_PARAMETERS.split())
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_LARGE = (256, 512, 1024, 1536)
_SIZES: tuple[tuple[re.Pattern[str], Sequence[int]], ...] = (
    (re.compile(r".*light"), (384,)),
    (re.compile(r".*v3"), (1024,)),
    (re.compile(r""), _LARGE),
)
"""Models -> the lengths of their vectors, of which the last is the default. The first match applies."""
_TYPES: Mapping[str, Callable[[bytes], Any]] = {**NUMBER_TYPES, "base64": as_base64}
"""Embedding type -> how a vector is written."""


def embed(call: Call) -> Reply:
    """Return the vectors of texts. Raises SimulatedError for what Cohere refuses."""
    body = parse_json_object(call)
    _check(body)
    size = _size(body)
    vectors = [unit_vector(text, size) for text in body["texts"]]
    kinds = body.get("embedding_types") or ["float"]
    tokens = sum(map(count_tokens, body["texts"]))
    answer = {
        "id": str(UUID(hex=call.id(32))),
        "embeddings": {kind: list(map(_TYPES[kind], vectors)) for kind in kinds},
        "texts": body["texts"],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
        "response_type": "embeddings_by_type",
    }
    return replace(json_reply(200, {}, answer), tokens=tokens)


def _check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in _ALLOWED:
            raise SimulatedError(400, f"unknown field: parameter '{name}' is not a valid field")
    for name in ("model", "input_type"):
        if not body.get(name):
            raise SimulatedError(400, f"invalid request: {name} is required")
    if body["input_type"] not in _INPUT_TYPES:
        raise SimulatedError(400, f"invalid request: valid input_type values are {_INPUT_TYPES}")
    texts = body.get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise SimulatedError(400, "invalid request: texts must be a list of strings that are not empty")
    if len(texts) > MAX_TEXTS:
        what = f"total number of texts must be at most {MAX_TEXTS} - received {len(texts)}"
        raise SimulatedError(400, f"invalid request: {what}")
    for kind in body.get("embedding_types") or ():
        if kind not in _TYPES:
            raise SimulatedError(400, f"invalid request: embedding_types must be of {list(_TYPES)}")


def _size(body: Mapping[str, Any]) -> int:
    """Return the length of the vectors. Raises SimulatedError for one that the model does not have."""
    sizes = next(sizes for pattern, sizes in _SIZES if pattern.match(body["model"]))
    requested = body.get("output_dimension")
    if requested is None:
        return sizes[-1]
    if sizes is not _LARGE:
        raise SimulatedError(400, "invalid request: output_dimension is not supported by the specified model")
    if requested not in sizes:
        raise SimulatedError(400, f"invalid request: output_dimension must be one of {list(sizes)}")
    return int(requested)
