"""What a dialect is to translate has the changes of the file, the plan and a resume, and the caller's tools as functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.attempts.caller_request import caller_request
from proxy.config.schema import TargetParams
from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.tool_forms import FUNCTIONS_ONLY, ToolForms
from proxy.exchange import Attempt
from proxy.resilience.resume import Prefix
from proxy.routing.decision import PlannedTarget
from proxy.routing.facts import Facts
from tests.fakes import BODY, planned_exchange, start_attempt

F = {"name": "f", "parameters": {}}


def started(**members: Any) -> Attempt:
    """Return an attempt at `a` for a request with these members."""
    exchange = planned_exchange("ab")
    exchange.raw = orjson.dumps({**BODY, **members})
    exchange.facts = Facts("chat", "m")
    return start_attempt(exchange)


def at(attempt: Attempt, dialect: str = "openai", max_tokens: int | None = None, **changes: Any) -> CallerRequest:
    """Return what the dialect gets of the attempt, after a change of its target."""
    target = attempt.step.target
    target = replace(target, provider=replace(target.provider, dialect=dialect), **changes)
    attempt.step = PlannedTarget(target, 0.0, max_tokens)
    request = caller_request(attempt)
    assert orjson.loads(request.raw) == request.body
    return request


def test_a_request_that_nothing_changes_is_the_callers_bytes() -> None:
    attempt = started(seed=1)
    request = at(attempt)
    assert request.raw is attempt.exchange.raw and request.body is attempt.exchange.body
    assert (request.endpoint, request.model, request.native_members, request.tool_forms) == (
        "chat",
        "m-a",
        {},
        FUNCTIONS_ONLY,
    )


def test_another_attempt_of_the_same_request_is_not_changed() -> None:
    attempt = started(max_tokens=500, anthropic={"top_k": 1}, functions=[F])
    assert at(attempt, "anthropic", 100).body["max_tokens"] == 100
    request = at(attempt, model="m-b")
    assert (request.model, request.body["max_tokens"], request.body["functions"]) == ("m-b", 500, [F])


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, {"max_completion_tokens": 100}),
        ({"max_tokens": 500}, {"max_tokens": 100}),
        ({"max_completion_tokens": 500}, {"max_completion_tokens": 100}),
        ({"max_completion_tokens": 500, "max_tokens": 600}, {"max_completion_tokens": 100, "max_tokens": 100}),
    ],
)
def test_an_answer_is_clamped_by_the_member_that_limits_its_length(
    members: dict[str, int], expected: dict[str, int]
) -> None:
    attempt = started(**members)
    body = at(attempt, max_tokens=100).body
    assert {name: body[name] for name in body if name.startswith("max_")} == expected
    assert attempt.exchange.body.get("max_tokens") == members.get("max_tokens")


def test_a_continuation_has_the_text_sent_as_assistant_message() -> None:
    attempt = started(max_tokens=500)
    attempt.prefix = Prefix("x" * 400, "")
    body = at(attempt).body
    assert body["messages"][1:] == [{"role": "assistant", "content": "x" * 400}] and body["max_tokens"] == 400
    assert len(attempt.exchange.body["messages"]) == 1


def test_native_members_are_taken_out_and_may_be_the_files() -> None:
    params = TargetParams(default={"cohere": {"k": 1}}, drop=("anthropic",))
    attempt = started(anthropic={"top_k": 1}, google={"store": True})
    assert at(attempt, "anthropic").native_members == {"top_k": 1}
    assert at(attempt, "anthropic", params=params).native_members == {}
    request = at(attempt, "cohere", params=params)
    assert request.native_members == {"k": 1} and request.body == BODY


@pytest.mark.parametrize("dialect", ["anthropic", "compatible"])
def test_tools_of_another_form_are_functions_where_there_are_no_others(dialect: str) -> None:
    attempt = started(functions=[F], function_call="auto")
    request = at(attempt, dialect)
    assert request.body["tools"] == [{"type": "function", "function": F}] and request.body["tool_choice"] == "auto"
    assert request.tool_forms == ToolForms(is_legacy=True) and "functions" not in request.body
    assert at(attempt).tool_forms is FUNCTIONS_ONLY and at(attempt).body["functions"] == [F]


def test_members_without_effect_are_left_out_too() -> None:
    assert at(started(functions=[], function_call=None), "compatible").body == BODY
