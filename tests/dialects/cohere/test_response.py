"""Cohere's non-streaming responses and errors in OpenAI's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from cohere.v2.types.v2chat_response import V2ChatResponse

from proxy.dialects.cohere import DIALECT
from proxy.dialects.cohere.response import to_openai_usage
from proxy.errors import MalformedResponse
from tests.dialects.oracles import golden_files, response_context, validate_completion

ANSWERS = Path(__file__).parent / "answers"


@pytest.mark.parametrize("file", golden_files(ANSWERS, "*.cohere.json"))
def test_a_response_is_translated_to_its_golden_file(file: Path) -> None:
    V2ChatResponse.model_validate_json(file.read_bytes())
    context = response_context(tool_names={"a_b": "a.b"})
    body = validate_completion(DIALECT.translate_response(file.read_bytes(), context))
    assert body == orjson.loads(file.with_name(file.name.replace("cohere", "openai")).read_bytes())
    assert context.answer.complete and context.answer.usage == body["usage"]


@pytest.mark.parametrize("usage, prompt, completion", [
    ({"tokens": {"input_tokens": 12.0, "output_tokens": 3.0}, "billed_units": {"input_tokens": 5.0}}, 12, 3),
    ({"billed_units": {"input_tokens": 5.0, "output_tokens": 2.0}}, 5, 2), ({"tokens": {}}, 0, 0),
    ({"tokens": {"input_tokens": 0, "output_tokens": 0}, "billed_units": {"input_tokens": 5, "output_tokens": 2}}, 5, 2),
])  # fmt: skip
def test_token_counts_are_integers(usage: Any, prompt: int, completion: int) -> None:
    counts = to_openai_usage(usage)
    assert counts and (counts["prompt_tokens"], counts["completion_tokens"]) == (prompt, completion)
    assert all(isinstance(count, int) for count in counts.values())
    assert to_openai_usage(None) is None


@pytest.mark.parametrize("reason, expected", [
    ("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"), ("ERROR_TOXIC", "content_filter"),
    ("TIRED", "stop"), (None, "stop"),
])  # fmt: skip
def test_finish_reasons_are_translated(reason: Any, expected: str) -> None:
    body = {"id": "x", "message": {"role": "assistant", "content": "a"}, "finish_reason": reason}
    choice = validate_completion(DIALECT.translate_response(orjson.dumps(body), response_context()))["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == (expected, "a")


@pytest.mark.parametrize("body", [
    {"message": "sorry", "id": "x"}, {"id": "x"}, {"message": {"content": []}, "finish_reason": "ERROR"},
    {"message": {"content": []}, "finish_reason": "TIMEOUT"},
])  # fmt: skip
def test_an_invalid_or_failed_response_is_malformed(body: Any) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(orjson.dumps(body), response_context())


@pytest.mark.parametrize("status, message, shown, code, trigger", [
    (400, "invalid request: bad", 400, "invalid_request", "invalid_request"),
    (400, "too many tokens: the prompt cannot exceed 4081 tokens", 400, "context_length_exceeded", "context_length"),
    (401, "invalid api token", 401, "upstream_auth_error", "auth_error"),
    (402, "billing", 402, "insufficient_quota", "quota"),
    (404, "model 'x' not found", 404, "model_not_found", "not_found"),
    (422, "bad type", 422, "invalid_request", "invalid_request"),
    (429, "Too many requests", 429, "rate_limit_exceeded", "rate_limit"),
    (429, "You are using a Trial key, which is limited to 1000 API calls / month", 429, "insufficient_quota", "quota"),
    (498, "invalid token", 400, "invalid_request", "invalid_request"),
    (500, "internal", 500, "server_error", "server_error"),
    (503, "busy", 503, "server_is_overloaded", "model_overloaded"),
    (503, "the model is overloaded", 503, "server_is_overloaded", "model_overloaded"),
    (504, "slow", 504, "upstream_timeout", "timeout"),
])  # fmt: skip
def test_an_error_has_openais_code_and_a_trigger(
    status: int, message: str, shown: int, code: str, trigger: str
) -> None:
    error = DIALECT.translate_error(status, {}, orjson.dumps({"message": message, "id": "x"}))
    assert (error.status, error.code, error.trigger) == (shown, code, trigger)
    assert orjson.loads(error.body())["error"]["message"] == message


def test_an_html_error_page_is_not_passed_on() -> None:
    assert b"<html" not in DIALECT.translate_error(502, {}, b"<html>Bad gateway</html>").body()
