"""Whole answers of Gemini are chat completions to the OpenAI SDK's strict type."""

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


def whole(candidate: dict[str, Any], **more: Any) -> bytes:
    """An answer that Google's own type takes."""
    said = {"candidates": [candidate], **more}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        types.GenerateContentResponse.model_validate(said)
    return json.dumps(said).encode()


def answered(candidate: dict[str, Any], **more: Any) -> dict[str, Any]:
    return validate_completion(DIALECT.translate_response(whole(candidate, **more), response_context()))


def says(*parts: dict[str, Any], reason: str = "STOP") -> dict[str, Any]:
    return {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason}


@pytest.mark.parametrize("file", golden_files(HERE, "*.google.json"))
def test_golden_answers_are_translated_as_written_down(file: Path) -> None:
    seen = response_context(tool_names={"f_": "f!"})
    body = validate_completion(DIALECT.translate_response(file.read_bytes(), seen))
    assert body == json.loads(file.with_name(file.name.replace("google", "openai")).read_text())
    assert seen.answer.complete
    assert seen.answer.usage == body.get("usage")
    assert seen.answer.model == body["model"]


def test_an_answer_whose_thoughts_used_up_the_budget_has_no_content_and_finishes_by_length() -> None:
    counts = {"promptTokenCount": 5, "thoughtsTokenCount": 90, "totalTokenCount": 95}
    body = answered({"finishReason": "MAX_TOKENS", "index": 0}, usageMetadata=counts)
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
def test_a_malformed_function_call_is_no_answer(reason: str) -> None:
    with pytest.raises(MalformedResponse) as caught:
        DIALECT.translate_response(whole({"finishReason": reason, "finishMessage": "why"}), response_context())
    assert caught.value.code == "upstream_malformed_output"
    assert "why" in caught.value.message


def test_a_blocked_prompt_is_one_choice_that_was_filtered() -> None:
    said = b'{"promptFeedback": {"blockReason": "SAFETY"}}'
    choices = validate_completion(DIALECT.translate_response(said, response_context()))["choices"]
    assert [(choice["finish_reason"], choice["message"]["content"]) for choice in choices] == [("content_filter", None)]


def test_thoughts_are_reasoning_and_the_rest_is_content() -> None:
    message = answered(says({"text": "t", "thought": True}, {"text": "x"}))["choices"][0]["message"]
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
def test_thoughts_are_counted_once_whether_candidates_include_them_or_not(
    counts: Any, prompt: int, completion: int
) -> None:
    usage = answered(says({"text": "x"}), usageMetadata=counts)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (prompt, completion)


def test_a_tool_call_finishes_as_one_though_gemini_says_stop() -> None:
    choice = answered(says({"functionCall": {"name": "f", "args": {}}}))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"


def test_calls_without_an_id_get_one_each() -> None:
    calls = answered(says(*[{"functionCall": {"name": "f"}}] * 2))["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_1_0", "call_1_1"]


@pytest.mark.parametrize("reason", ["OTHER", "SOMETHING_NEW"])
def test_an_unknown_finish_reason_is_stop_and_shown_as_it_came(reason: str) -> None:
    choice = answered(says({"text": "x"}, reason=reason))["choices"][0]
    assert (choice["finish_reason"], choice["provider_finish_reason"]) == ("stop", reason)


def test_a_part_of_an_unknown_kind_is_passed_over() -> None:
    said = json.dumps({"candidates": [says({"someday": {}}, {"text": "x"})]}).encode()
    assert (
        validate_completion(DIALECT.translate_response(said, response_context()))["choices"][0]["message"]["content"]
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
def test_what_is_no_answer_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(data, response_context())


@pytest.mark.parametrize("file", golden_files(HERE, "*.google.json"))
def test_an_answer_with_any_part_of_it_damaged_is_read_or_said_to_be_none(file: Path) -> None:
    for said in corruptions(json.loads(file.read_text())):
        with suppress(MalformedResponse):
            DIALECT.translate_response(json.dumps(said).encode(), response_context())
