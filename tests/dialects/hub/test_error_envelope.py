"""An error in OpenAI's envelope keeps its code; the caller's own errors keep their bytes."""

from __future__ import annotations

import orjson
import pytest

from proxy.dialects.hub.error_envelope import translate_error

ENVELOPE = b'{ "error": {"message":"no", "type":"t", "param":"n", "code":"c", "extra": 1.50e0} }'


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429])
def test_an_envelope_for_an_error_of_the_callers_is_passed_byte_for_byte(status: int) -> None:
    assert translate_error(status, {}, ENVELOPE).body() == ENVELOPE


@pytest.mark.parametrize("status", [401, 403, 500, 502, 503])
def test_other_errors_get_an_envelope_of_the_sidecars(status: int) -> None:
    error = translate_error(status, {}, ENVELOPE)
    assert orjson.loads(error.body()) == {"error": error.members()}
    assert error.members() | {"type": ""} == {"message": "no", "type": "", "param": "n", "code": "c"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"error":{"message":"m","code":"context_length_exceeded"}}',
         (400, "m", "context_length_exceeded", "context_length")),
        (400, b'{"error":{"message":"m","type":"invalid_request_error","code":null}}',
         (400, "m", "invalid_request_error", "invalid_request")),
        (400, b'{"error":{"message":"m","code":400,"status":"INVALID"}}', (400, "m", "400", "invalid_request")),
        (401, b'{"error":{"message":"m","code":"invalid_api_key"}}', (401, "m", "invalid_api_key", "auth_error")),
        (404, b"", (404, "no reason given", "model_not_found", "not_found")),
        (422, b'{"detail":[{"msg":"m"}]}', (422, "m", "invalid_request", "invalid_request")),
        (429, b'{"error":{"message":"m","type":"insufficient_quota"}}', (429, "m", "insufficient_quota", "quota")),
        (429, b'{"error":"m"}', (429, "m", "rate_limit_exceeded", "rate_limit")),
        (429, b'{"message":"m"}', (429, "m", "rate_limit_exceeded", "rate_limit")),
        (500, b"<html>", (500, "the provider answered with a page, not an error", "server_error", "server_error")),
        (500, b'{"error":{"message":""}}', (500, '{"error":{"message":""}}', "server_error", "server_error")),
        (503, b'{"error":{"message":"m","code":"3505","type":"overloaded"}}', (503, "m", "overloaded", "model_overloaded")),
        (400, b'[{"error":{"message":"m","code":"content_filter"}}]', (400, "m", "content_filter", "content_filter")),
        (502, b'{"errors":[{"message":"m","code":7}]}', (502, "m", "server_error", "server_error")),
        (502, b'["m"]', (502, "m", "server_error", "server_error")),
        (503, b'{"error":{"message":"m","code":"slow_down"}}', (503, "m", "slow_down", "model_overloaded")),
        (503, b'"m"', (503, "m", "server_is_overloaded", "server_error")),
        (504, b"", (504, "no reason given", "upstream_timeout", "timeout")),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
         (503, "m", "overloaded_error", "model_overloaded")),
        (302, b"", (502, "no reason given", "invalid_request", "server_error")),
    ],
)  # fmt: skip
def test_every_shape_of_error_has_a_status_a_code_and_a_trigger(
    status: int, body: bytes, expected: tuple[int, str, str, str]
) -> None:
    error = translate_error(status, {"retry-after": "7"}, body)
    assert (error.status, error.message, error.code, error.trigger) == expected
    assert error.headers == {"retry-after": "7"}


@pytest.mark.parametrize(
    ("message", "shown"),
    [(b'{"detail":"m"}', "m"), (b'["m"]', "m"), (b"5", '{"error":{"message":5,"code":"c"}}')],
)
def test_a_message_that_is_no_text_is_replaced_by_one_that_clients_can_read(message: bytes, shown: str) -> None:
    error = translate_error(422, {}, b'{"error":{"message":%b,"code":"c"}}' % message)
    assert orjson.loads(error.body()) == {"error": error.members()}
    assert (error.message, error.code) == (shown, "c")
