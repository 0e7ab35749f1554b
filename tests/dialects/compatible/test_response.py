from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.dialects.compatible import DIALECT
from proxy.errors import MalformedResponse
from tests.dialects.oracles import golden_files, response_context, validate_completion

ANSWERS = Path(__file__).parent / "answers"


def translated_choice(message: Any, finish: Any = "stop", **members: Any) -> dict[str, Any]:
    body = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **members}
    choice: dict[str, Any] = validate_completion(DIALECT.translate_response(orjson.dumps(body), response_context()))[
        "choices"
    ][0]
    return choice


@pytest.mark.parametrize("file", golden_files(ANSWERS, "*.host.json"))
def test_responses_match_the_golden_files(file: Path) -> None:
    body = validate_completion(DIALECT.translate_response(file.read_bytes(), response_context()))
    assert body == orjson.loads(file.with_name(file.name.replace("host", "openai")).read_bytes())


def test_the_response_is_recorded() -> None:
    context = response_context()
    DIALECT.translate_response((ANSWERS / "vllm.host.json").read_bytes(), context)
    assert (context.answer.model, context.answer.finish_reason, context.answer.complete) == (
        "llama-4",
        "tool_calls",
        True,
    )
    assert context.answer.usage and context.answer.usage["total_tokens"] == 10


def test_a_stop_with_tool_calls_is_tool_calls() -> None:  # G 10
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    choice = translated_choice({"content": "", "tool_calls": [call]})
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


@pytest.mark.parametrize(
    "finish, expected", [("eos", "stop"), ("eos_token", "stop"), (None, "stop"), ("model_length", "length")]
)
def test_finish_reasons_are_openais(finish: Any, expected: str) -> None:
    assert translated_choice({"content": "a"}, finish)["finish_reason"] == expected


def test_an_unknown_finish_reason_is_stop_with_the_providers_own_next_to_it() -> None:  # G 72
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "tired"}]}
    choice = orjson.loads(DIALECT.translate_response(orjson.dumps(body), response_context()))["choices"][0]
    assert (choice["finish_reason"], choice["provider_finish_reason"]) == ("stop", "tired")


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_has_one_name(key: str) -> None:  # G 52
    message = translated_choice({"content": "a", key: "hm", "tool_calls": []})["message"]
    assert message["reasoning_content"] == "hm" and "reasoning" not in message and "tool_calls" not in message


@pytest.mark.parametrize("body", [
    {"choices": []}, {"choices": None}, {"choices": [{}]}, {"choices": [None]}, {"error": "x"},
    {"choices": [{"message": {"content": ""}, "finish_reason": "abort"}]},
    {"choices": [{"message": {"content": ""}, "finish_reason": "stop", "error": {"message": "x"}}]},
])  # fmt: skip
def test_a_body_without_an_answer_is_malformed(body: Any) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(orjson.dumps(body), response_context())
