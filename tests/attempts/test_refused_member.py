"""Which parameter a 400 is about: one that the model refuses, or one that the sidecar has added or translated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.attempts.refused_member import find_refusal
from proxy.config.schema import TargetParams
from proxy.dialects import DIALECTS
from proxy.dialects.errors import error_response
from proxy.errors import UpstreamErrorResponse
from proxy.routing.decision import PlannedTarget
from tests.fakes import BODY, planned_exchange, start_attempt


def refused(
    message: str, *, dialect: str = "openai", param: str | None = None, code: str | None = None,
    members: Any = None, max_tokens: int | None = None, **target: Any,
) -> UpstreamErrorResponse:  # fmt: skip
    """Return the error of an attempt at a target with these changes, for a request with these members."""
    exchange = planned_exchange("ab")
    exchange.raw = orjson.dumps({**BODY, **(members or {})})
    attempt = start_attempt(exchange)
    attempt.step = PlannedTarget(replace(attempt.step.target, **target), 0.0, max_tokens)
    error = error_response(400, {}, message, code=code, param=param)
    find_refusal(attempt, error, DIALECTS[dialect].refusals)
    return error


@pytest.mark.parametrize(
    ("found", "param", "member"),
    [
        (refused("no", param="temperature", code="unsupported_value", members={"temperature": 1}), "temperature", ("temperature", False)),
        (refused("no", param="messages[0].role", code="unsupported_value"), "messages", None),
        (refused("no", param="temperature", code="invalid_value", members={"temperature": 9}), None, None),
        (refused("no", param="messages[0].role", code="invalid_value"), None, None),
        (refused("no"), None, None),
        (refused("no", param="stream_options", code="unknown_parameter"), "stream_options", ("stream_options", True)),
        (refused("max_tokens: 64000 > 8192, which", dialect="anthropic"), "max_tokens", ("max_tokens", True)),
        (refused("stop_sequences: each must be short", dialect="anthropic", members={"stop": ["a"]}), "stop", ("stop", False)),
        (refused("contents: empty", dialect="google"), None, None),
        (refused("tools.0.input_schema: is invalid", dialect="anthropic", members={"functions": [{}]}), None, None),
        (refused("tools.0.web_search_20250305: is off", dialect="anthropic", members={"web_search_options": {}}),
         "web_search_options", ("web_search_options", False)),
        (refused("tools.0: is invalid", dialect="anthropic", members={"web_search_options": {}, "tools": []}), None, None),
        (refused("Search Grounding is not supported.", dialect="google", members={"web_search_options": {}}),
         "web_search_options", ("web_search_options", False)),
        (refused("no", code="tool_use_failed", dialect="compatible"), "tools", None),
    ],
)  # fmt: skip
def test_the_refused_parameter(
    found: UpstreamErrorResponse, param: str | None, member: tuple[str, bool] | None
) -> None:
    assert (found.refused_param, found.refused_member) == (param, member)


@pytest.mark.parametrize(
    "changes",
    [{"params": TargetParams(set={"seed": 3})}, {"params": TargetParams(default={"seed": 3})}, {"body": {"seed": "x"}}],
)
def test_a_member_that_the_file_sets_is_not_the_callers(changes: dict[str, Any]) -> None:
    error = refused("no", param="seed", code="invalid_value", members={"seed": 1}, **changes)
    assert error.refused_param == "seed"


def test_a_token_limit_that_the_cost_ceiling_has_lowered_is_not_the_callers() -> None:
    options: Any = {"param": "max_tokens", "code": "invalid_value", "members": {"max_tokens": 9000}}
    assert refused("no", **options).refused_param is None
    assert refused("no", max_tokens=20, **options).refused_param == "max_tokens"


def test_a_native_member_is_the_callers_and_says_nothing_about_other_requests() -> None:
    native: Any = {"dialect": "openai", "members": {"openai": {"seed": 1, "audio": {"voice": "x"}}}}
    for name in ("seed", "audio", "voice"):
        assert refused("no", param=name, code="invalid_value", **native).refused_param is None
    error = refused("no", param="seed", code="unsupported_value", **native)
    assert (error.refused_param, error.refused_member) == ("seed", None)
    error = refused("no", param="store", code="invalid_value", **native)
    assert (error.refused_param, error.refused_member) == ("store", None)
