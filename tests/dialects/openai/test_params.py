"""Parameters that a family of models rejects are named; other families keep them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest
from proxy.dialects.openai.params import unsupported_params
from proxy.dialects.openai.request import build_request
from proxy.errors import InvalidRequestError

HELLO = [{"role": "user", "content": "hi"}]
SAMPLING = {
    "temperature": 0.3,
    "top_p": 0.5,
    "stop": ["END"],
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "logit_bias": {"1": 2},
}


@pytest.mark.parametrize("model, body, expected", [
    ("o3", SAMPLING, set(SAMPLING)), ("gpt-5.1", SAMPLING, set(SAMPLING)), ("ft:o4-mini:a", {"temperature": 0}, {"temperature"}),
    ("gpt-5.1", {**SAMPLING, "reasoning_effort": "none"}, set(SAMPLING) - {"temperature", "top_p"}),
    ("gpt-5-chat-latest", SAMPLING, set()), ("gpt-4.1", SAMPLING, set()), ("prod-chat-eu", SAMPLING, set()),
    ("o3", {"temperature": 1, "top_p": 1, "stop": None, "presence_penalty": 0, "logprobs": False}, set()),
    ("gpt-4o", {"reasoning_effort": "low", "verbosity": "low"}, {"reasoning_effort", "verbosity"}),
    ("gpt-5.1", {"reasoning_effort": "low", "verbosity": "low"}, set()), ("gpt-5-chat-latest", {"reasoning_effort": "low"}, {"reasoning_effort"}),
    ("o3", {"thinking": {"type": "enabled"}, "reasoning": {}}, set()), ("gpt-4o", {"reasoning": {"effort": "low"}}, {"reasoning"}),
    ("gpt-5.1", {"thinking": {"type": "disabled"}, "temperature": 0.3}, set()), ("gpt-5", {"reasoning": {"effort": "odd"}}, {"reasoning"}),
    ("gpt-4o", {"top_k": 5, "thinking": {}, "seed": 1, "metadata": {"a": "b"}, "user": "u", "store": True}, {"top_k", "thinking"}),
    ("o3", {"logprobs": True, "top_logprobs": 2}, {"logprobs", "top_logprobs"}),
    ("o3", {"input": "x", "temperature": 0.3}, set()), ("o3", {"prompt": "x", "stop": "a"}, set()),
])  # fmt: skip
def test_unsupported_params_depend_on_the_family(model: str, body: dict[str, Any], expected: set[str]) -> None:
    assert set(unsupported_params(body, model)) == expected


def built(body: dict[str, Any], model: str, family: str = "") -> tuple[dict[str, Any], tuple[str, ...]]:
    body = {"model": "a", "messages": HELLO, **body}
    request = build_request(CallerRequest("chat", body, orjson.dumps(body), model, False, family=family))
    return orjson.loads(request.body), request.warnings


@pytest.mark.parametrize("model, family", [("gpt-5.1", ""), ("prod-chat-eu", "gpt-5.1")])
def test_they_are_dropped_with_a_warning(model: str, family: str) -> None:
    sent, warnings = built({"temperature": 0.3, "stop": ["END"], "max_tokens": 9}, model, family)
    assert sent == {"model": model, "messages": HELLO, "max_completion_tokens": 9}
    assert warnings == ("param-dropped;name=temperature", "param-dropped;name=stop")


def test_one_that_changes_the_kind_of_answer_is_an_error() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        built({"logprobs": True}, "o3")
    assert caught.value.param == "logprobs"


@pytest.mark.parametrize("model, limit, expected", [
    ("gpt-4o-mini", {"max_tokens": 100_000}, {"max_tokens": 16_384}),
    ("gpt-4.1", {"max_completion_tokens": 100_000}, {"max_completion_tokens": 32_768}),
    ("o3", {"max_tokens": 200_000}, {"max_completion_tokens": 100_000}),
    ("gpt-4o", {"max_tokens": 100}, {"max_tokens": 100}), ("gpt-9", {"max_tokens": 10**7}, {"max_completion_tokens": 10**7}),
    ("prod-chat-eu", {"max_tokens": 10**7}, {"max_tokens": 10**7}), ("ft:gpt-4o-mini:org::id", {"max_tokens": 10**5}, {"max_tokens": 16_384}),
])  # fmt: skip
def test_a_limit_above_the_models_maximum_is_lowered(
    model: str, limit: dict[str, int], expected: dict[str, int]
) -> None:
    sent, warnings = built(limit, model)
    assert {name: value for name, value in sent.items() if name.startswith("max")} == expected
    is_lowered = [*limit.values()] != [*expected.values()]
    assert warnings == ((f"max-tokens-clamped;value={next(iter(expected.values()))}",) if is_lowered else ())


@pytest.mark.parametrize("model, given, effort, warnings", [
    ("o3", {"reasoning_effort": "none"}, "low", ("param-clamped;name=reasoning_effort;value=low",)),
    ("gpt-5-mini", {"reasoning_effort": "minimal"}, "minimal", ()), ("gpt-5.2", {"reasoning_effort": "max"}, "xhigh", ("param-clamped;name=reasoning_effort;value=xhigh",)),
    ("gpt-5.1", {"thinking": {"type": "enabled", "budget_tokens": 20_000}}, "high", ()), ("gpt-5.1", {"reasoning": {"effort": "low"}}, "low", ()),
    ("prod-chat-eu", {"reasoning_effort": "odd"}, "odd", ()),
])  # fmt: skip
def test_an_effort_becomes_one_that_the_model_accepts(
    model: str, given: dict[str, Any], effort: str, warnings: tuple[str, ...]
) -> None:
    sent, given_warnings = built(given, model)
    assert sent == {"model": model, "messages": HELLO, "reasoning_effort": effort}
    assert given_warnings == warnings
