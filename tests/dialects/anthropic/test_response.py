"""Non-streaming responses and errors of the Messages API in OpenAI's format."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from proxy.dialects.anthropic import DIALECT
from proxy.errors import MalformedResponse
from tests.dialects.anthropic.golden import HERE, NAMES, load
from tests.dialects.oracles import corruptions, golden_files, response_context, validate_completion


@pytest.mark.parametrize("file", golden_files(HERE / "answers", "*.anthropic.json"))
def test_a_response_is_translated_to_its_golden_file(file: Path) -> None:
    context = response_context(tool_names=NAMES)
    completion = validate_completion(DIALECT.translate_response(file.read_bytes(), context))
    assert completion == load(file.with_name(file.name.replace(".anthropic.", ".openai.")))
    assert (context.answer.model, context.answer.usage) == (completion["model"], completion["usage"])
    assert context.answer.finish_reason == completion["choices"][0]["finish_reason"]
    assert context.answer.complete


@pytest.mark.parametrize("data", [
    b"", b"<html>", b"[]", b"{}", b'{"content":"x"}', b'{"type":"error","error":{"type":"api_error","message":"x"}}',
    b'{"content":[1]}', b'{"content":[{"type":"text"}]}', b'{"content":[{"type":"tool_use"}]}',
    b'{"content":[{"type":"tool_use","id":"1","name":"f","input":' + b'{"a":' * 400 + b"1" + b"}" * 402 + b"]}",
])  # fmt: skip
def test_a_body_that_is_not_a_message_is_a_malformed_response(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(data, response_context())


@pytest.mark.parametrize("file", golden_files(HERE / "answers", "*.anthropic.json"))
def test_a_corrupted_response_raises_nothing_but_malformed_response(file: Path) -> None:
    for corrupted in corruptions(load(file)):
        with suppress(MalformedResponse):
            assert (
                json.loads(DIALECT.translate_response(json.dumps(corrupted).encode(), response_context()))["provider"]
                == "prov"
            )


def test_a_corrupted_error_body_keeps_its_class() -> None:
    for corrupted in corruptions(json.loads(envelope("rate_limit_error", details={"error_code": "x"}))):
        assert DIALECT.translate_error(429, {}, json.dumps(corrupted).encode()).trigger in ("rate_limit", "quota")


def envelope(kind: str, message: str = "m", **more: Any) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}
    ).encode()


@pytest.mark.parametrize("status, body, trigger, code, shown", [
    (400, envelope("invalid_request_error"), "invalid_request", "invalid_request", 400),
    (400, envelope("invalid_request_error", "prompt is too long: 9 tokens > 5 maximum"), "context_length", "context_length_exceeded", 400),
    (400, envelope("invalid_request_error", "x: Extra inputs are not permitted"), "invalid_request", "unknown_parameter", 400),
    (400, envelope("invalid_request_error", "Output blocked by content filtering policy"), "content_filter", "content_filter", 400),
    (400, envelope("invalid_request_error", "Your credit balance is too low"), "quota", "insufficient_quota", 400),
    (401, envelope("authentication_error"), "auth_error", "upstream_auth_error", 401),
    (402, envelope("billing_error"), "quota", "insufficient_quota", 402),
    (403, envelope("permission_error"), "auth_error", "upstream_permission_error", 403),
    (404, envelope("not_found_error"), "not_found", "model_not_found", 404),
    (413, envelope("request_too_large"), "invalid_request", "request_too_large", 413),
    (429, envelope("rate_limit_error"), "rate_limit", "rate_limit_exceeded", 429),
    (429, envelope("rate_limit_error", details={"error_code": "contract_spend_limit_reached"}), "quota", "insufficient_quota", 429),
    (429, envelope("ramp_limit_exceeded"), "rate_limit", "slow_down", 429),
    (500, envelope("api_error"), "server_error", "server_error", 500),
    (500, envelope("overloaded_error"), "model_overloaded", "server_is_overloaded", 500),
    (504, envelope("timeout_error"), "timeout", "upstream_timeout", 504),
    (529, envelope("overloaded_error"), "model_overloaded", "server_is_overloaded", 503),
    (502, b"<html>Bad gateway</html>", "server_error", "server_error", 502),
    (500, b"[]", "server_error", "server_error", 500),
    (503, b'{"error":"busy"}', "server_error", "server_is_overloaded", 503),
])  # fmt: skip
def test_an_error_has_openais_code_and_a_trigger(status: int, body: bytes, trigger: str, code: str, shown: int) -> None:
    error = DIALECT.translate_error(status, {"retry-after": "3"}, body)
    assert (error.trigger, error.code, error.status) == (trigger, code, shown)
    assert set(json.loads(error.body())["error"]) == {"message", "type", "param", "code"}
    assert error.headers == {"retry-after": "3"}
    assert "<html>" not in error.message
