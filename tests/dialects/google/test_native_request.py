"""A request in Gemini's own format keeps the caller's bytes, but for signatures of other vendors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.google.native_request import native_request
from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.dialects.thinking_signature import pack_base64


def build(raw: bytes) -> ProviderRequest:
    return native_request(CallerRequest("generate_content", orjson.loads(raw), raw, "served", stream=False))


def test_every_byte_passes_and_the_model_is_in_the_path() -> None:
    raw = b'{ "contents": [{"parts":[{"text" : "\\u00e9"}]}], "new_member": 2.50, "thoughtSignature": "c2ln" }'
    assert build(raw) == ProviderRequest("/v1beta/models/served:generateContent", raw)


def test_the_sidecars_own_member_is_left_out_and_the_others_keep_their_bytes() -> None:
    raw = b'{"contents": [ {"parts":[{"text" : "\\u00e9"}]} ], "routing": {}, "x": 2.50}'
    assert build(raw).body == b'{"contents":[ {"parts":[{"text" : "\\u00e9"}]} ],"x":2.50}'


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_a_signature_that_is_not_googles_is_replaced_by_the_one_that_google_documents(name: str) -> None:
    own: dict[str, Any] = {"functionCall": {"name": "f"}, name: "b3du"}
    foreign = {"functionCall": {"name": "g"}, name: pack_base64({"thinking_blocks": []})}
    contents = [{"role": "user"}, {"role": "model", "parts": [own, foreign, {"text": "a"}]}]
    sent = orjson.loads(build(orjson.dumps({"contents": contents, "tools": []})).body)
    replaced = {**foreign, name: SKIP_SIGNATURE_VALIDATOR}
    assert sent == {
        "contents": [{"role": "user"}, {"role": "model", "parts": [own, replaced, {"text": "a"}]}],
        "tools": [],
    }


def test_what_only_looks_like_such_a_signature_passes() -> None:
    part = {"inlineData": {"mimeType": "a/b", "data": "cGFycm90cGFycm90"}, "thoughtSignature": "cGFycm90cGFycm90"}
    raw = orjson.dumps({"contents": [{"parts": [part]}]})
    assert build(raw).body == raw


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_a_request_to_be_counted_names_the_targets_model(name: str) -> None:
    raw = orjson.dumps({name: {"model": "models/asked", "contents": []}})
    request = native_request(CallerRequest("count_content_tokens", orjson.loads(raw), raw, "served", stream=False))
    assert request.path == "/v1beta/models/served:countTokens"
    assert orjson.loads(request.body) == {name: {"model": "models/served", "contents": []}}


@pytest.mark.parametrize("model", ["served", "models/served"])
def test_requests_to_embed_name_the_targets_model(model: str) -> None:
    content = {"content": {"parts": [{"text": "a"}]}}
    for asked, sent in (({"model": "models/asked"}, {"model": "models/served"}), ({}, {})):
        raw = orjson.dumps({**asked, **content})
        body = {**orjson.loads(raw), "model": "asked"}  # of the path
        request = native_request(CallerRequest("embed_content", body, raw, model, stream=False))
        assert request.path == "/v1beta/models/served:embedContent"
        assert orjson.loads(request.body) == {**sent, **content}
    raw = orjson.dumps({"requests": [{"model": "models/asked", **content}, content, 5]})
    request = native_request(CallerRequest("batch_embed_contents", orjson.loads(raw), raw, model, stream=False))
    assert request.path == "/v1beta/models/served:batchEmbedContents"
    named = {"model": "models/served", **content}
    assert orjson.loads(request.body) == {"requests": [named, named, 5]}
