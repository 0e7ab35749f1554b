"""Builds the request of a caller who speaks Gemini's API: the caller's bytes, at the path of the target's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.google.request import model_path
from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.dialects.hub.request_members import parse_members, replace_members
from proxy.dialects.thinking_signature import BASE64_MARK, unpack_base64

PATHS: Mapping[str, str] = {
    "batch_embed_contents": "/v1beta/models/{model}:batchEmbedContents",
    "count_content_tokens": "/v1beta/models/{model}:countTokens",
    "embed_content": "/v1beta/models/{model}:embedContent",
    "generate_content": "/v1beta/models/{model}:{method}",
}
_METHODS: Mapping[str, str] = {
    "batch_embed_contents": "batchEmbedContents",
    "count_content_tokens": "countTokens",
    "embed_content": "embedContent",
}

_COUNTED = ("generateContentRequest", "generate_content_request")
"""The request whose tokens are to be counted, which names the model once more."""
_SIGNATURES = ("thoughtSignature", "thought_signature")


def native_request(call: CallerRequest) -> ProviderRequest:
    """Pass the body unchanged, but for the sidecar's own member and for signatures that are not Google's."""
    body = call.raw
    changes: dict[str, Any] = {}
    if BASE64_MARK in body:
        changes["contents"] = list(map(_without_foreign_signatures, objects_of(call.body.get("contents"))))
    named = {"model": f"models/{call.model.removeprefix('models/')}"}
    for name in _COUNTED:
        if isinstance(counted := call.body.get(name), dict):
            changes[name] = {**counted, **named}
    if isinstance(requests := call.body.get("requests"), list):
        changes["requests"] = [{**each, **named} if isinstance(each, dict) else each for each in requests]
    if call.endpoint == "embed_content" and "model" in parse_members(body):
        changes |= named
    if changes or "routing" in call.body:
        body = replace_members(body, changes)
    return ProviderRequest(model_path(call, _METHODS.get(call.endpoint, "")), body)


def _without_foreign_signatures(content: Any) -> Any:
    parts = object_of(content).get("parts")
    if not isinstance(parts, list):
        return content
    return {**content, "parts": [_with_own_signature(part) for part in parts]}


def _with_own_signature(part: Any) -> Any:
    """Replace the signature of another vendor's call by the one that Google documents for such calls."""
    foreign = [name for name in _SIGNATURES if unpack_base64(object_of(part).get(name)) is not None]
    return {**part, **dict.fromkeys(foreign, SKIP_SIGNATURE_VALIDATOR)} if foreign else part
