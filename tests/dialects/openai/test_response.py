"""A whole answer passes with its provider spliced in; what is no answer is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk import chunk_from_object
from proxy.dialects.hub.error_envelope import translate_error
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.splice import splice_provider
from proxy.dialects.openai.response import translate_response
from proxy.errors import MalformedResponse
from proxy.messages import CompletionState


def reading() -> ResponseContext:
    return ResponseContext("openai", "m", "chatcmpl-1", 0)


@pytest.mark.parametrize(
    ("data", "spliced"),
    [
        (b'{"id":"1"}', b'{"id":"1","provider":"openai"}'),
        (b'{ "id": 1.50e0, "x": {} }\n', b'{ "id": 1.50e0, "x": {} ,"provider":"openai"}\n'),
        (b"{}", b'{"provider":"openai"}'),
        (b"{ }", b'{ "provider":"openai"}'),
        (b'data: {"x":"}"}\n\n', b'data: {"x":"}","provider":"openai"}\n\n'),
    ],
)
def test_the_provider_is_the_last_member_and_nothing_else_moves(data: bytes, spliced: bytes) -> None:
    assert splice_provider(data, "openai") == spliced


def test_an_answer_passes_and_is_noted() -> None:
    data = b'{ "model":"gpt-4o-2024", "choices":[{"finish_reason":"stop"}], "usage":{"total_tokens":3}, "big": 1.50e0 }'
    seen = reading()
    assert translate_response(data, seen).replace(b',"provider":"openai"', b"") == data
    assert (seen.answer.model, seen.answer.finish_reason, seen.answer.usage) == (
        "gpt-4o-2024",
        "stop",
        {"total_tokens": 3},
    )
    assert seen.answer.complete


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the provider answered 200 with something that is not JSON"),
        (b"<html>", "the provider answered 200 with something that is not JSON"),
        (b'{"a":', "the provider answered 200 with something that is not JSON"),
        (b"[]", "the provider answered 200 without an answer in it"),
        (b"null", "the provider answered 200 without an answer in it"),
        (b"{}", "the provider answered 200 without an answer in it"),
        (b'{"error":{"message":"upset"}}', "the provider answered 200 with an error: upset"),
        (b'{"error":"upset"}', "the provider answered 200 with an error: upset"),
    ],
)
def test_what_is_no_answer_is_a_failure_of_the_provider(data: bytes, message: str) -> None:
    with pytest.raises(MalformedResponse) as caught:
        translate_response(data, reading())
    assert caught.value.message == message


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": None, "usage": None, "model": None},
        {"choices": 5, "usage": 5, "model": 5},
        {"choices": {"0": {"finish_reason": "stop"}}, "usage": "many", "model": ["m"]},
        {"choices": [None, 1, "x", {}, {"finish_reason": None}], "usage": {}, "model": ""},
    ],
)
def test_a_host_may_leave_anything_out_or_write_nonsense(body: dict[str, Any]) -> None:
    seen = CompletionState(model="m", usage={"total_tokens": 1})
    record_chunk(chunk_from_object(body), seen)
    assert seen == CompletionState(model="m", usage={"total_tokens": 1})


ENVELOPE = b'{ "error": {"message":"no", "type":"t", "param":"n", "code":"c", "extra": 1.50e0} }'


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429])
def test_openais_own_envelope_reaches_the_caller_byte_for_byte(status: int) -> None:
    assert translate_error(status, {}, ENVELOPE).body() == ENVELOPE


@pytest.mark.parametrize("status", [401, 403, 500, 502, 503])
def test_what_is_not_the_callers_fault_is_said_in_our_own_envelope(status: int) -> None:
    refusal = translate_error(status, {}, ENVELOPE)
    assert orjson.loads(refusal.body()) == {"error": refusal.members()}
    assert refusal.members() | {"type": ""} == {"message": "no", "type": "", "param": "n", "code": "c"}


@pytest.mark.parametrize(
    ("status", "body", "shown"),
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
        (502, b'["m"]', (502, "m", "server_error", "server_error")),
        (503, b'{"error":{"message":"m","code":"slow_down"}}', (503, "m", "slow_down", "model_overloaded")),
        (503, b'"m"', (503, "m", "server_is_overloaded", "server_error")),
        (504, b"", (504, "no reason given", "upstream_timeout", "timeout")),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
         (503, "m", "overloaded_error", "model_overloaded")),
        (302, b"", (502, "no reason given", "invalid_request", "server_error")),
    ],
)  # fmt: skip
def test_every_shape_of_error_has_a_status_a_code_and_a_class(
    status: int, body: bytes, shown: tuple[int, str, str, str]
) -> None:
    refusal = translate_error(status, {"retry-after": "7"}, body)
    assert (refusal.status, refusal.message, refusal.code, refusal.trigger) == shown
    assert refusal.headers == {"retry-after": "7"}
