"""What one request may cost: members that multiply the answer are refused in the vendor's words, or the answer is bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.sandbox import SIMULATIONS
from proxy.sandbox.contract import Call, Reply, SimulatedError
from proxy.sandbox.model import MAX_FRAGMENTS, MAX_TOOL_CALLS

HUGE = 10**12
HEADERS = {"Authorization": "Bearer k", "x-api-key": "k", "x-goog-api-key": "k", "anthropic-version": "2023-06-01"}
CHAT = {"openai": "/v1/chat/completions", "compatible": "/v1/chat/completions", "mistral": "/v1/chat/completions",
        "anthropic": "/v1/messages", "cohere": "/v2/chat",
        "google": "/v1beta/models/gemini-2.5-flash:generateContent"}  # fmt: skip
ABOVE = "integer above maximum value. Expected a value <= {}, but got {} instead."


def answer(provider: str, path: str, body: dict[str, Any]) -> Reply:
    return SIMULATIONS[provider].handle(Call(provider, "POST", path, HEADERS, json.dumps(body).encode()))


def chat(provider: str, text: str = "hi", **members: Any) -> dict[str, Any]:
    if provider == "google":
        return {"contents": [{"parts": [{"text": text}]}], **members}
    limit = {"max_tokens": HUGE} if provider == "anthropic" else {}
    return {"model": "m", "messages": [{"role": "user", "content": text}], **limit, **members}


def with_tools(provider: str, names: list[str], parameters: dict[str, Any]) -> dict[str, Any]:
    text = " ".join(names)
    functions = [{"name": name, "parameters": parameters} for name in names]
    if provider == "google":
        return chat(provider, text, tools=[{"functionDeclarations": functions}])
    if provider == "anthropic":
        return chat(provider, text, tools=[{"name": name, "input_schema": parameters} for name in names])
    return chat(provider, text, tools=[{"type": "function", "function": function} for function in functions])


@pytest.mark.parametrize(
    ("path", "body", "message", "code"),
    [
        ("embeddings", {"model": "text-embedding-3-small", "input": "a", "dimensions": HUGE},
         f"Invalid value for 'dimensions' = {HUGE}. Must be less than or equal to 1536.", None),
        ("embeddings", {"model": "text-embedding-3-large", "input": "a", "dimensions": 3073}, "equal to 3072.", None),
        ("embeddings", {"model": "text-embedding-ada-002", "input": "a", "dimensions": 8},
         "This model does not support specifying dimensions.", None),
        ("embeddings", {"model": "m", "input": "a", "dimensions": 0}, "'dimensions' must be", "integer_below_min_value"),
        ("embeddings", {"model": "m", "input": ["a"] * 2049}, "'input' must be 1 to 2048 texts", None),
        ("chat/completions", chat("openai", n=HUGE), ABOVE.format(128, HUGE), "integer_above_max_value"),
        ("chat/completions", chat("openai", top_logprobs=21), ABOVE.format(20, 21), "integer_above_max_value"),
        ("chat/completions", chat("openai", tools=[{}] * 129), "maximum length 128, but got an array with length 129",
         "array_above_max_length"),
        ("chat/completions", {**chat("openai"), "model": "m " * 200}, "does not exist", "model_not_found"),
        ("completions", {"model": "m", "prompt": "a", "best_of": 21}, ABOVE.format(20, 21), "integer_above_max_value"),
        ("completions", {"model": "m", "prompt": "a", "best_of": 2, "n": 3}, "(currently 3) to be at most 'best_of'", None),
        ("completions", {"model": "m", "prompt": ["a"] * 17, "n": 128}, "2048 at most", None),
        ("images/generations", {"prompt": "a", "n": 11}, "'n' is too high", "integer_above_max_value"),
        ("moderations", {"input": ["a"] * 2049}, "maximum length 2048", "array_above_max_length"),
        ("responses", {"model": "m", "input": "a", "top_logprobs": HUGE}, ABOVE.format(20, HUGE), "integer_above_max_value"),
    ],
)  # fmt: skip
def test_openai_refuses_in_its_words(path: str, body: dict[str, Any], message: str, code: str | None) -> None:
    with pytest.raises(SimulatedError) as caught:
        answer("openai", f"/v1/{path}", body)
    assert caught.value.status in (400, 404) and message in caught.value.message
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("provider", "members", "status", "message"),
    [
        ("compatible", {"n": HUGE}, 400, ABOVE.format(128, HUGE)),
        ("mistral", {"n": HUGE}, 422, "from 1 to 128"),
        ("google", {"generationConfig": {"candidateCount": HUGE}}, 400, "supported range is from 1 (inclusive) to 9"),
        ("anthropic", {"model": "m " * 200}, 404, "does not exist"),
        ("cohere", {"model": "m " * 200}, 404, "does not exist"),
        ("mistral", {"model": "m " * 200}, 404, "does not exist"),
    ],
)
def test_the_other_vendors_refuse_too(provider: str, members: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(SimulatedError) as caught:
        answer(provider, CHAT[provider], {**chat(provider), **members})
    assert caught.value.status == status and message in caught.value.message


def test_a_models_name_in_the_path_is_bounded() -> None:
    with pytest.raises(SimulatedError) as caught:
        answer("google", f"/v1beta/models/{'m' * 257}:generateContent", chat("google"))
    assert caught.value.status == 404


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", CHAT)
def test_tool_calls_bound_the_answer(provider: str, stream: bool) -> None:
    """Every call has arguments of 5 KB, and is made once for each of the choices."""
    names = [f"tool{number:03}" for number in range(128)]
    parameters = {"type": "object", "required": ["a"], "properties": {"a": {"const": "x" * 5000}}}
    body, path = with_tools(provider, names, parameters), CHAT[provider]
    if provider == "google":
        path = path.replace("generateContent", "streamGenerateContent") if stream else path
    else:
        body |= {"stream": stream, **({"n": 128} if provider not in ("anthropic", "cohere") else {})}
    sent = b"".join(answer(provider, path, body).frames)
    assert len(sent) < 128 * MAX_TOOL_CALLS * (MAX_FRAGMENTS + 2) * 600
    assert b'"tool007"' in sent and b'"tool008"' not in sent


@pytest.mark.parametrize("provider", CHAT)
def test_arguments_that_are_too_long_are_refused(provider: str) -> None:
    parameters = {"type": "object", "required": ["a"], "properties": {"a": {"const": "x" * 2**16}}}
    with pytest.raises(SimulatedError, match="writes at most 65536 characters") as caught:
        answer(provider, CHAT[provider], with_tools(provider, ["tool"], parameters))
    assert caught.value.status == 400


@pytest.mark.parametrize("provider", CHAT)
def test_max_tokens_costs_nothing(provider: str) -> None:
    limit = {"generationConfig": {"maxOutputTokens": 65_536}} if provider == "google" else {"max_tokens": HUGE}
    assert len(answer(provider, CHAT[provider], chat(provider, **limit)).frames[0]) < 2000


def test_the_largest_allowed_answers_are_made() -> None:
    body = {"model": "text-embedding-3-large", "input": ["a"] * 20, "dimensions": 3072}
    vectors = json.loads(answer("openai", "/v1/embeddings", body).frames[0])["data"]
    assert [len(vector["embedding"]) for vector in vectors] == [3072] * 20
    choices = json.loads(answer("openai", CHAT["openai"], chat("openai", n=128)).frames[0])["choices"]
    assert len(choices) == 128
