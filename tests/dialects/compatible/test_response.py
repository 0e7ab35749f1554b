from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.dialects.compatible import DIALECT
from proxy.errors import MalformedResponse
from tests.dialects.oracles import golden_files, response_context, validate_completion

ANSWERS = Path(__file__).parent / "answers"


def told(message: Any, finish: Any = "stop", **members: Any) -> dict[str, Any]:
    body = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **members}
    choice: dict[str, Any] = validate_completion(DIALECT.translate_response(orjson.dumps(body), response_context()))[
        "choices"
    ][0]
    return choice


@pytest.mark.parametrize("file", golden_files(ANSWERS, "*.host.json"))
def test_an_answer_becomes_exactly_its_golden_one(file: Path) -> None:
    body = validate_completion(DIALECT.translate_response(file.read_bytes(), response_context()))
    assert body == orjson.loads(file.with_name(file.name.replace("host", "openai")).read_bytes())


def test_the_answer_is_noted() -> None:
    its = response_context()
    DIALECT.translate_response((ANSWERS / "vllm.host.json").read_bytes(), its)
    assert (its.answer.model, its.answer.finish_reason, its.answer.complete) == ("llama-4", "tool_calls", True)
    assert its.answer.usage and its.answer.usage["total_tokens"] == 10


def test_a_stop_with_tool_calls_is_tool_calls() -> None:  # G 10
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    choice = told({"content": "", "tool_calls": [call]})
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


@pytest.mark.parametrize(
    "finish, word", [("eos", "stop"), ("eos_token", "stop"), (None, "stop"), ("model_length", "length")]
)
def test_finish_reasons_have_openais_words(finish: Any, word: str) -> None:
    assert told({"content": "a"}, finish)["finish_reason"] == word


def test_an_unknown_finish_is_a_stop_that_says_what_it_was() -> None:  # G 72
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "tired"}]}
    choice = orjson.loads(DIALECT.translate_response(orjson.dumps(body), response_context()))["choices"][0]
    assert (choice["finish_reason"], choice["provider_finish_reason"]) == ("stop", "tired")


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_has_one_name(key: str) -> None:  # G 52
    message = told({"content": "a", key: "hm", "tool_calls": []})["message"]
    assert message["reasoning_content"] == "hm" and "reasoning" not in message and "tool_calls" not in message


@pytest.mark.parametrize("body", [
    {"choices": []}, {"choices": None}, {"choices": [{}]}, {"choices": [None]}, {"error": "x"},
    {"choices": [{"message": {"content": ""}, "finish_reason": "abort"}]},
    {"choices": [{"message": {"content": ""}, "finish_reason": "stop", "error": {"message": "x"}}]},
])  # fmt: skip
def test_what_is_no_answer_is_a_bad_one(body: Any) -> None:
    with pytest.raises(MalformedResponse):
        DIALECT.translate_response(orjson.dumps(body), response_context())
