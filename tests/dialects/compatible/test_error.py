from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.compatible import DIALECT


@pytest.mark.parametrize("status, body, shown, code, trigger", [
    (400, {"error": {"message": "bad", "code": "tool_use_failed", "failed_generation": "x"}},
     400, "tool_use_failed", "server_error"),
    (400, {"error": {"message": "bad", "type": "invalid_request_error", "code": "json_validate_failed"}},
     400, "json_validate_failed", "server_error"),
    (503, {"error": {"message": "no", "type": "overloaded", "code": "3505"}}, 503, "overloaded", "model_overloaded"),
    (503, {"object": "error", "message": "no", "type": "overloaded_error", "code": None},
     503, "overloaded_error", "model_overloaded"),
    (503, {"error": "the model is overloaded"}, 503, "server_is_overloaded", "model_overloaded"),
    (500, {"error": {"message": "over capacity"}}, 500, "server_is_overloaded", "model_overloaded"),
    (429, {"error": {"message": "no", "type": "engine_overloaded_error"}},
     429, "engine_overloaded_error", "model_overloaded"),
    (403, {"error": {"message": "Your input was flagged", "code": 403}}, 400, "content_filter", "content_filter"),
    (400, {"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}},
     400, "content_filter", "content_filter"),
    (429, [{"error": {"message": "no", "code": "insufficient_quota"}}], 429, "insufficient_quota", "quota"),
    (422, {"detail": [{"loc": ["body", "n"], "msg": "too many", "type": "extra_forbidden"}]},
     422, "unknown_parameter", "invalid_request"),
    (400, {"object": "error", "message": "This model's maximum context length is 8192 tokens", "code": 400},
     400, "context_length_exceeded", "context_length"),
    (403, {"error": {"message": "Input exceeds the model's context length", "code": None}}, 400,
     "context_length_exceeded", "context_length"),
    (404, {"error": "model 'x' not found"}, 404, "model_not_found", "not_found"),
    (401, {"error": {"message": "bad key", "code": "invalid_api_key"}}, 401, "invalid_api_key", "auth_error"),
    (402, {"error": {"message": "pay"}}, 402, "insufficient_quota", "quota"),
    (429, {"error": {"message": "tokens per minute exceeds the maximum", "code": "rate_limit_exceeded"}},
     429, "rate_limit_exceeded", "rate_limit"),
    (503, {"error": {"message": "busy"}}, 503, "server_is_overloaded", "model_overloaded"),
    (500, {"title": "Oops", "detail": "broke", "status": 500}, 500, "server_error", "server_error"),
])  # fmt: skip
def test_errors_of_every_shape_get_openais_envelope(
    status: int, body: Any, shown: int, code: str, trigger: str
) -> None:
    error = DIALECT.translate_error(status, {}, orjson.dumps(body))
    assert (error.status, error.code, error.trigger) == (shown, code, trigger)
    assert orjson.loads(error.body())["error"]["message"]


def test_openais_envelope_is_passed_unchanged() -> None:
    body = b'{"error": {"message": "no", "param": null, "code": "tool_use_failed", "failed_generation": "<f>"}}'
    assert DIALECT.translate_error(400, {}, body).body() == body


def test_a_page_of_html_is_not_shown() -> None:  # G 61
    error = DIALECT.translate_error(502, {}, b"<html><body>Bad gateway</body></html>")
    assert error.status == 502 and b"<html" not in error.body()


@pytest.mark.parametrize("dialect", ["compatible", "meta", "mistral", "cohere"])
@pytest.mark.parametrize("body", [
    {"message": "Service unavailable.", "type": "internal_server_proxy_error", "code": "3000"}, {"message": "service unavailable"},
    {"error": {"message": "no available server", "type": "server_error"}}, "no healthy upstream",
])  # fmt: skip
def test_a_503_is_an_overload(dialect: str, body: Any) -> None:
    error = DIALECTS[dialect].translate_error(503, {}, orjson.dumps(body))
    assert (error.status, error.code, error.trigger) == (503, "server_is_overloaded", "model_overloaded")


def test_no_room_in_a_tier_is_an_overload() -> None:
    body = {"error": {"message": "Flex tier capacity exceeded", "type": "flex", "code": "capacity_exceeded"}}
    error = DIALECTS["compatible"].translate_error(498, {}, orjson.dumps(body))
    assert (error.status, error.trigger) == (503, "model_overloaded")
