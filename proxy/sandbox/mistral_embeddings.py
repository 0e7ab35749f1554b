"""Simulation of Mistral's embeddings. Like the original it rejects unknown members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from proxy.sandbox.contract import Call, Reply, SimulatedError, json_reply, parse_json_object
from proxy.sandbox.model import count_tokens
from proxy.sandbox.vectors import NUMBER_TYPES, as_base64, unit_vector

MAX_TEXTS = 256
MAX_TOKENS = 16_384

_PARAMETERS = "model input metadata output_dimension output_dtype encoding_format"
"""From the types of Mistral's SDK (3.7)."""
_TYPED = "codestral-embed"
_SIZE, _LARGEST_SIZE = 1024, 3072
_TYPED_SIZE = 1536


def embed(call: Call) -> Reply:
    """Return the vectors of texts. Raises SimulatedError for what Mistral refuses."""
    body = parse_json_object(call)
    texts = _texts(body)
    size = _size(body)
    encode = _encoder(body)
    data = [
        {"object": "embedding", "index": index, "embedding": encode(unit_vector(text, size))}
        for index, text in enumerate(texts)
    ]
    tokens = sum(map(count_tokens, texts))
    if tokens > MAX_TOKENS:
        raise SimulatedError(400, "Too many tokens overall, split into more batches.")
    usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    about = {"id": call.id(32), "object": "list", "model": body["model"]}
    return replace(json_reply(200, {}, {**about, "data": data, "usage": usage}), tokens=tokens)


def _texts(body: Mapping[str, Any]) -> list[str]:
    known = _PARAMETERS.split()
    for name in body:
        if name not in known:
            raise SimulatedError(422, "Extra inputs are not permitted", param=name, code="extra_forbidden")
    if not isinstance(body.get("model"), str):
        raise SimulatedError(422, "Field required", param="model", code="missing")
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise SimulatedError(422, "Input should be a valid string or list of strings", param="input")
    if len(texts) > MAX_TEXTS:
        raise SimulatedError(400, "Too many inputs in request, split into more batches.")
    return texts


def _size(body: Mapping[str, Any]) -> int:
    """Return the length of the vectors. Raises SimulatedError for one that the model does not have."""
    is_typed, requested = body["model"].startswith(_TYPED), body.get("output_dimension")
    if requested is None:
        return _TYPED_SIZE if is_typed else _SIZE
    if not is_typed:
        raise SimulatedError(400, "This model does not support output_dimension.")
    if not 1 <= requested <= _LARGEST_SIZE:
        raise SimulatedError(
            422, f"Input should be from 1 to {_LARGEST_SIZE}", param="output_dimension", code="out_of_range"
        )
    return int(requested)


def _encoder(body: Mapping[str, Any]) -> Callable[[bytes], Any]:
    dtype, form = body.get("output_dtype") or "float", body.get("encoding_format") or "float"
    if dtype not in NUMBER_TYPES or form not in ("float", "base64"):
        name = "encoding_format" if dtype in NUMBER_TYPES else "output_dtype"
        raise SimulatedError(422, "Input should be one of its words", param=name, code="enum")
    if dtype != "float" and not body["model"].startswith(_TYPED):
        raise SimulatedError(400, "This model does not support output_dtype.")
    return as_base64 if form == "base64" else NUMBER_TYPES[dtype]
