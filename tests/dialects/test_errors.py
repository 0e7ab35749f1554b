"""A provider error's trigger, status and message are found, whichever of the known shapes its body has."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.errors import error_from_stream, error_response, message_from_body, trigger_of
from proxy.errors import MalformedResponse


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, None, "invalid_request"),
        (400, "unknown_parameter", "invalid_request"),
        (400, "context_length_exceeded", "context_length"),
        (400, "content_filter", "content_filter"),
        (400, "content_policy_violation", "content_filter"),
        (400, "invalid_prompt", "content_filter"),
        (401, "invalid_api_key", "auth_error"),
        (402, None, "quota"),
        (403, None, "auth_error"),
        (404, "model_not_found", "not_found"),
        (401, "invalid_request_error", "auth_error"),
        (403, "invalid_request_error", "auth_error"),
        (404, "invalid_request_error", "not_found"),
        (409, "invalid_request_error", "invalid_request"),
        (500, "invalid_request_error", "invalid_request"),
        (408, None, "timeout"),
        (409, None, "invalid_request"),
        (413, None, "invalid_request"),
        (422, None, "invalid_request"),
        (425, None, "server_error"),
        (429, "rate_limit_exceeded", "rate_limit"),
        (429, "slow_down", "rate_limit"),
        (429, "insufficient_quota", "quota"),
        (429, "credit_balance_exhausted", "quota"),
        (500, None, "server_error"),
        (501, None, "server_error"),
        (502, None, "server_error"),
        (503, None, "server_error"),
        (503, "slow_down", "model_overloaded"),
        (503, "server_is_overloaded", "model_overloaded"),
        (503, "overloaded_error", "model_overloaded"),
        (503, "overloaded", "model_overloaded"),
        (400, "tool_use_failed", "server_error"),
        (400, "output_parse_failed", "server_error"),
        (504, None, "timeout"),
        (520, None, "server_error"),
        (529, None, "model_overloaded"),
        (204, None, "server_error"),
        (302, None, "server_error"),
    ],
)
def test_an_errors_trigger(status: int, code: str | None, expected: str) -> None:
    assert trigger_of(status, code) == expected


@pytest.mark.parametrize(
    ("status", "shown", "type_", "code"),
    [
        (302, 502, "invalid_request_error", "invalid_request"),
        (400, 400, "invalid_request_error", "invalid_request"),
        (401, 401, "authentication_error", "upstream_auth_error"),
        (403, 403, "permission_error", "upstream_permission_error"),
        (404, 404, "invalid_request_error", "model_not_found"),
        (413, 413, "invalid_request_error", "request_too_large"),
        (418, 418, "invalid_request_error", "invalid_request"),
        (422, 422, "invalid_request_error", "invalid_request"),
        (429, 429, "rate_limit_error", "rate_limit_exceeded"),
        (500, 500, "server_error", "server_error"),
        (503, 503, "server_error", "server_is_overloaded"),
        (504, 504, "server_error", "upstream_timeout"),
        (529, 503, "server_error", "server_is_overloaded"),
    ],
)
def test_an_error_response_has_openais_envelope(status: int, shown: int, type_: str, code: str) -> None:
    error = error_response(status, {"retry-after": "3"}, "no")
    assert error.status == shown
    assert error.members() == {"message": "no", "type": type_, "param": None, "code": code}
    assert error.headers == {"retry-after": "3"}


def test_the_providers_code_and_param_are_kept() -> None:
    error = error_response(400, {}, "no", code="context_length_exceeded", param="messages")
    assert (error.code, error.param, error.trigger) == ("context_length_exceeded", "messages", "context_length")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"openai","type":"t","param":null,"code":null}}', "openai"),
        (b'{"type":"error","error":{"type":"api_error","message":"anthropic"},"request_id":"r"}', "anthropic"),
        (b'{"error":{"code":400,"message":"google","status":"INVALID_ARGUMENT","details":[]}}', "google"),
        (b'[{"error":{"code":400,"message":"google in a list"}}]', "google in a list"),
        (b'{"object":"error","message":"mistral","type":"t","code":"1300"}', "mistral"),
        (b'{"detail":[{"loc":["body","x"],"msg":"field required","type":"missing"}]}', "field required"),
        (b'{"object":"error","message":{"detail":[{"msg":"nested"}]}}', "nested"),
        (b'{"detail":"Unauthorized"}', "Unauthorized"),
        (b'{"message":"kong","request_id":"r"}', "kong"),
        (b'{"message":"cohere","id":"u"}', "cohere"),
        (b'{"title":"llama","status":400}', "llama"),
        (b'{"title":"llama","detail":"more","status":400}', "more"),
        (b'{"error":"ollama"}', "ollama"),
        (b'"just text"', "just text"),
        (b"plain words", "plain words"),
        (b"", "no reason given"),
        (b" \n", "no reason given"),
        (b"<html><title>520</title>", "the provider answered with a page, not an error"),
        (b"\n <!DOCTYPE html>", "the provider answered with a page, not an error"),
        (b"{}", "{}"),
        (b"[]", "[]"),
        (b"null", "null"),
        (b"42", "42"),
        (b'{"error":null,"message":""}', '{"error":null,"message":""}'),
        (b"\xff" * 3, "\ufffd" * 3),
        (b"x" * 9000, "x" * 500),
        (b"[" * 1010 + b"]" * 1010, "[" * 500),
    ],
)
def test_the_message_is_found_in_every_known_shape(body: bytes, message: str) -> None:
    assert message_from_body(body) == message


NESTED: Any = []
for _ in range(600):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("error", "message", "code", "trigger"),
    [
        ({"message": "later", "type": "requests", "code": "rate_limit_exceeded"}, "later", "rate_limit_exceeded", "rate_limit"),
        ("boom", "boom", None, "server_error"),
        (["boom"], "boom", None, "server_error"),
        ({"message": {"detail": "boom"}, "code": 429, "type": ["x"]}, "boom", "429", "server_error"),
        ({"message": "half \ud83d", "code": "\ud83d"}, "half \ufffd", "\ufffd", "server_error"),
        (5, "the provider ended the stream with an error", None, "server_error"),
        (NESTED, "the provider ended the stream with an error", None, "server_error"),
        ({"message": "no", "type": NESTED, "param": NESTED}, "no", None, "server_error"),
    ],
)  # fmt: skip
def test_an_error_event_of_any_shape_becomes_a_failure(error: Any, message: str, code: Any, trigger: str) -> None:
    failure = error_from_stream(error)
    assert (failure.message, failure.members()["code"], failure.trigger) == (message, code, trigger)
    assert failure.body()


def test_an_error_event_with_the_malformed_code_is_a_malformed_response() -> None:
    assert isinstance(error_from_stream({"message": "no", "code": MalformedResponse.code}), MalformedResponse)


def test_an_error_with_a_lone_surrogate_can_be_serialised() -> None:
    assert (
        "half \ufffd".encode()
        in error_response(400, {}, message_from_body(b'{"error":{"message":"half \\ud83d"}}')).body()
    )
