"""Translates requests for embeddings to Mistral's API and its answers back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.embeddings import (
    EmbeddingsRequest,
    batches,
    check_supported,
    in_parts,
    parse_embeddings,
    size_to_request,
    unsupported_embedding_params,
)
from proxy.dialects.hub.params import drop_warnings

PATHS = {"embeddings": "/v1/embeddings"}

MAX_TEXTS = 256
"""Texts of one request."""
MAX_CHARS = 32_768
"""Characters of one request, which may have 16,384 tokens."""

_SIZES: Mapping[str, Sequence[int]] = {"codestral-embed": range(1, 3073), "mistral-embed": (1024,)}
"""Prefix of a model's name -> the lengths of its vectors."""
_TYPED = "codestral-embed"
"""Prefix of the models with other types of numbers."""


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build the request, in parts if it has many texts. Raises InvalidRequestError."""
    model = call.family or call.model
    unsupported = unsupported_params(call.body, model)
    check_supported(unsupported)
    asked = parse_embeddings(call.body)
    members = {
        "model": call.model,
        "output_dimension": size_to_request(asked.dimensions, _sizes(model)),
        "output_dtype": None if asked.dtype == "float" else asked.dtype,
    }
    given = {name: value for name, value in members.items() if value is not None}
    parts = [_part(given, texts, asked) for texts in batches(asked.texts, MAX_TEXTS, MAX_CHARS)]
    return in_parts(parts, drop_warnings(unsupported))


def _part(members: Mapping[str, Any], texts: list[str], asked: EmbeddingsRequest) -> ProviderRequest:
    options = {"count": len(texts), "is_base64": asked.is_base64 and asked.dtype == "float"}
    return ProviderRequest(PATHS["embeddings"], orjson.dumps({**members, "input": texts}), response_options=options)


def unsupported_params(body: Mapping[str, Any], model: str) -> tuple[str, ...]:
    """Return the requested parameters that Mistral, or this model, does not support."""
    supported = {"dimensions", "output_dtype"} if model.startswith(_TYPED) else {"dimensions"}
    return unsupported_embedding_params(body, supported, _sizes(model))


def _sizes(model: str) -> Sequence[int] | None:
    return next((sizes for prefix, sizes in _SIZES.items() if model.startswith(prefix)), None)
