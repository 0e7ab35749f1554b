"""Google's errors are translated into OpenAI's error format with an equivalent status, code and trigger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.google import DIALECT
from proxy.dialects.google.errors import error_from_object
from tests.dialects.oracles import corruptions

RPC = "type.googleapis.com/google.rpc."


def google(code: int, message: str, status: str, *details: dict[str, Any]) -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    ).encode()


def test_a_retry_delay_becomes_retry_after_headers() -> None:
    body = google(429, "Quota", "RESOURCE_EXHAUSTED", {"@type": RPC + "RetryInfo", "retryDelay": "46.3s"})
    error = DIALECT.translate_error(429, {"retry-after": "1"}, body)
    assert error.headers == {"retry-after": "47", "retry-after-ms": "46300"}
    assert (error.status, error.trigger) == (429, "rate_limit")


def quota(id: str) -> dict[str, Any]:
    return {"@type": RPC + "QuotaFailure", "violations": [{"quotaId": id}]}


INVALID_KEY = {"@type": RPC + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}


@pytest.mark.parametrize(
    ("status", "body", "shown", "code", "trigger"),
    [
        (400, google(400, "Bad", "INVALID_ARGUMENT"), 400, "invalid_request", "invalid_request"),
        (
            400,
            google(400, "API key not valid.", "INVALID_ARGUMENT", INVALID_KEY),
            401,
            "upstream_auth_error",
            "auth_error",
        ),
        (400, google(400, "API key expired.", "INVALID_ARGUMENT"), 401, "upstream_auth_error", "auth_error"),
        (401, google(401, "Who?", "UNAUTHENTICATED"), 401, "upstream_auth_error", "auth_error"),
        (403, google(403, "No", "PERMISSION_DENIED"), 403, "upstream_permission_error", "auth_error"),
        (
            400,
            google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
            403,
            "upstream_permission_error",
            "auth_error",
        ),
        (400, google(400, "Enable billing.", "FAILED_PRECONDITION"), 429, "insufficient_quota", "quota"),
        (
            400,
            google(400, "The input token count (9) exceeds the maximum (8).", "INVALID_ARGUMENT"),
            400,
            "context_length_exceeded",
            "context_length",
        ),
        (
            400,
            google(400, 'Unknown name "x": Cannot find field.', "INVALID_ARGUMENT"),
            400,
            "unknown_parameter",
            "invalid_request",
        ),
        (404, google(404, "models/x is not found", "NOT_FOUND"), 404, "model_not_found", "not_found"),
        (
            429,
            google(429, "Quota", "RESOURCE_EXHAUSTED", quota("RequestsPerMinute")),
            429,
            "rate_limit_exceeded",
            "rate_limit",
        ),
        (
            429,
            google(429, "Quota", "RESOURCE_EXHAUSTED", quota("RequestsPerDay-Free")),
            429,
            "insufficient_quota",
            "quota",
        ),
        (429, google(429, "Quota, limit: 0", "RESOURCE_EXHAUSTED"), 429, "insufficient_quota", "quota"),
        (500, google(500, "Oops", "INTERNAL"), 500, "server_error", "server_error"),
        (503, google(503, "The model is overloaded.", "UNAVAILABLE"), 503, "server_is_overloaded", "model_overloaded"),
        (504, google(504, "Late", "DEADLINE_EXCEEDED"), 504, "upstream_timeout", "timeout"),
        (400, b"[" + google(400, "In a list", "INVALID_ARGUMENT") + b"]", 400, "invalid_request", "invalid_request"),
        (502, b"<html>Bad gateway</html>", 502, "server_error", "server_error"),
        (400, b'{"error": "text"}', 400, "invalid_request", "invalid_request"),
        (500, b"", 500, "server_error", "server_error"),
    ],
)
def test_each_error_has_a_status_code_and_trigger(
    status: int, body: bytes, shown: int, code: str, trigger: str
) -> None:
    error = DIALECT.translate_error(status, {}, body)
    assert (error.status, error.code, error.trigger) == (shown, code, trigger)
    assert json.loads(error.body())["error"].keys() == {"message", "type", "param", "code"}
    assert "<html>" not in error.message


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"code": 429}, 429),
        ({"status": "UNAVAILABLE"}, 503),
        ({"status": "NEW"}, 500),
        ({"code": "x", "details": ["y"]}, 500),
        ({"details": 5}, 500),
        ({"details": [{"violations": 5, "retryDelay": "9" * 400 + "s"}]}, 500),
    ],
)
def test_in_a_stream_the_error_object_determines_the_status(members: dict[str, Any], status: int) -> None:
    assert error_from_object(members).status == status


def test_a_corrupted_error_body_keeps_its_status() -> None:
    body = google(429, "Quota", "RESOURCE_EXHAUSTED", {"retryDelay": "1s"}, quota("RequestsPerMinute"))
    for corrupted in corruptions(json.loads(body)):
        assert DIALECT.translate_error(429, {}, json.dumps(corrupted).encode()).status == 429
