"""Gemini's responses become chat completions that are valid for the OpenAI SDK."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.genai import types

from proxy.dialects.google import DIALECT
from proxy.errors import MalformedResponse
from tests.dialects.oracles import corruptions, golden_files, response_context, validate_completion

HERE = Path(__file__).parent / "answers"


def response_body(candidate: dict[str, Any], **more: Any) -> bytes:
    """A response body that is valid for the type of Google's SDK."""
    response = {"candidates": [candidate], **more}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        types.GenerateContentResponse.model_validate(response)
    return json.dumps(response).encode()


def translated(candidate: dict[str, Any], **more: Any) -> dict[str, Any]:
    return validate_completion(DIALECT.translate_response(response_body(candidate, **more), response_context()))


def candidate_of(*parts: dict[str, Any], reason: str = "STOP") -> dict[str, Any]:
    return {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason}


@pytest.mark.parametrize("file", golden_files(HERE, "*.google.json"))
def test_a_response_is_translated_to_its_golden_file(file: Path) -> None:
    context = response_context(tool_names={"f_": "f!"})
    body = validate_completion(DIALECT.translate_response(file.read_bytes(), context))
    assert body == json.loads(file.with_name(file.name.replace("google", "openai")).read_text())
    assert context.answer.complete
    assert context.answer.usage == body.get("usage")
    assert context.answer.model == body["model"]


def test_thoughts_that_use_up_the_budget_leave_no_content_and_finish_with_length() -> None:
    counts = {"promptTokenCount": 5, "thoughtsTokenCount": 90, "totalTokenCount": 95}
    body = translated({"finishReason": "MAX_TOKENS", "index": 0}, usageMetadata=counts)
    assert body["choices"][0]["message"]["content"] is None
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 90}


@pytest.mark.parametrize(
    "reason",
    [
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
    ],
)
def test_a_failed_generation_is_a_malformed_response(reason: str) -> None:
    with pytest.raises(MalformedResponse) as caught:
        DIALECT.translate_response(response_body({"finishReason": reason, "finishMessage": "why"}), response_context())
    assert caught.value.code == "upstream_malformed_output"
    assert "why" in caught.value.message


def test_a_blocked_prompt_is_one_choice_with_content_filter() -> None:
    response = b'{"promptFeedback": {"blockReason": "SAFETY"}}'
    choices = validate_completion(DIALECT.translate_response(response, response_context()))["choices"]
    assert [(choice["finish_reason"], choice["message"]["content"]) for choice in choices] == [("content_filter", None)]


def test_thoughts_become_reasoning_content() -> None:
    message = translated(candidate_of({"text": "t", "thought": True}, {"text": "x"}))["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("t", "x")
    assert "tool_calls" not in message


@pytest.mark.parametrize(
    ("counts", "prompt", "completion"),
    [
        ({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 20, "totalTokenCount": 35}, 10, 25),
        ({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 20, "totalTokenCount": 15}, 10, 5),
        (
            {"promptTokenCount": 10, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 18},
            13,
            5,
        ),
        ({"promptTokenCount": 10, "totalTokenCount": 10}, 10, 0),
        ({"promptTokenCount": 10, "candidatesTokenCount": None}, 10, 0),
    ],
)
def test_thoughts_are_counted_once_whether_or_not_candidates_include_them(
    counts: Any, prompt: int, completion: int
) -> None:
    usage = translated(candidate_of({"text": "x"}), usageMetadata=counts)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (prompt, completion)


def test_a_tool_call_finishes_with_tool_calls_despite_geminis_stop() -> None:
    choice = translated(candidate_of({"functionCall": {"name": "f", "args": {}}}))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"


def test_calls_without_an_id_get_one() -> None:
    calls = translated(candidate_of(*[{"functionCall": {"name": "f"}}] * 2))["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_1_0", "call_1_1"]


@pytest.mark.parametrize("reason", ["OTHER", "SOMETHING_NEW"])
def test_an_unknown_finish_reason_becomes_stop_and_is_passed_on(reason: str) -> None:
    choice = translated(candidate_of({"text": "x"}, reason=reason))["choices"][0]
    assert (choice["finish_reason"], choice["provider_finish_reason"]) == ("stop", reason)


def test_a_part_of_an_unknown_type_is_ignored() -> None:
    response = json.dumps({"candidates": [candidate_of({"someday": {}}, {"text": "x"})]}).encode()
    assert (
        validate_completion(DIALECT.translate_response(response, response_context()))["choices"][0]["message"][
            "content"
        ]
        == "x"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"candidates": []}',
        b'{"candidates": ["x"]}',
        b'{"candidates": [{"content": "x"}]}',
        b'{"candidates": [{"content": {"parts": [{"functionCall": 5}]}}]}',
        b'[{"error": {"code": 429, "message": "slow"}}]',
        b'{"error": {"code": 500, "message": "oops"}}',
    ],
)
def test_an_invalid_body_is_a_malformed_response(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(data, response_context())


@pytest.mark.parametrize("file", golden_files(HERE, "*.google.json"))
def test_a_corrupted_response_raises_nothing_but_malformed_response(file: Path) -> None:
    for response in corruptions(json.loads(file.read_text())):
        with suppress(MalformedResponse):
            DIALECT.translate_response(json.dumps(response).encode(), response_context())
