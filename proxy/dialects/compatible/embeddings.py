"""Embeddings of hosts that have OpenAI's endpoint: requests pass, and the vectors come back as they were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct

from proxy.dialects.coerce import count_of, object_of, text_of
from proxy.dialects.contract import CallerRequest, ProviderRequest, ResponseContext
from proxy.dialects.hub.embeddings import count_inputs
from proxy.dialects.hub.embeddings_answer import build_embeddings, decode_answer
from proxy.dialects.hub.request_members import replace_members

PATHS = {"embeddings": "/embeddings"}


class _Item(Struct, frozen=True):
    embedding: Raw
    index: int | None = None


class _Answer(Struct, frozen=True):
    data: list[_Item]
    model: Any = None
    usage: Any = None


def build_request(request: CallerRequest) -> ProviderRequest:
    """Pass the caller's bytes, but for the model: hosts differ in what else they take."""
    body: Mapping[str, Any] = request.body
    options = {"count": count_inputs(body.get("input")), "is_base64": body.get("encoding_format") == "base64"}
    changed = replace_members(request.raw, {"model": request.model})
    return ProviderRequest(PATHS["embeddings"], changed, response_options=options)


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Return the answer in OpenAI's shape, in the encoding that was asked for. Raises MalformedResponse."""
    answer = decode_answer(data, _Answer)
    items = sorted(answer.data, key=lambda item: item.index or 0)  # stable, for hosts without it
    usage = object_of(answer.usage)
    tokens = count_of(usage.get("prompt_tokens")) or count_of(usage.get("total_tokens"))
    model = text_of(answer.model) or context.model
    return build_embeddings([item.embedding for item in items], tokens if usage else None, context, model=model)
