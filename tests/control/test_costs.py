"""`POST /v1/costs/analyze`: the cost at each provider's cheapest available target."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from multidict import CIMultiDict

from proxy.control.costs import analyze
from proxy.errors import InvalidRequestError, ParrotError
from proxy.exchange import Exchange
from proxy.messages import Request
from proxy.middleware.header_policy import HeaderPolicy
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.runtime import Runtime
from tests.fakes import Clock, FakeTransport, MemoryLog, generation

FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  openai:
    dialect: openai
    base_url: https://x
    regions: {us-east-1: {residency: US}, eu-central-1: {residency: EU}}
  google: {dialect: google, base_url: https://x, limits: {concurrency: 1}}
  meta: {dialect: meta, base_url: https://x, api_key: "${META_KEY}"}
  own: {dialect: openai, base_url: https://x}
models:
  m:
    openai: {model: o, price: {input: 30, output: 60, cached_input: 10}}
    google: {model: g, price: {input: 20, output: 40}}
    meta: {model: l, price: {input: 1, output: 2}}
    own: unknown-model
"""
SNAPSHOT = generation(FILE).snapshot
ASK = {"model": "m", "prompt_tokens": 500, "completion_tokens": 500}


def analyzed(
    body: Any,
    headers: dict[str, str] | None = None,
    *,
    down: tuple[str, ...] = (),
    busy: tuple[str, ...] = (),
    after: float = 0.0,
) -> Any:
    """Return the answer for a body, with these providers or targets down, and these providers at their limit."""
    clock = Clock()
    runtime = Runtime.create(FakeTransport([]), MemoryLog().logger, clock, lambda: 0.0)
    for target in SNAPSHOT.models["m"]:
        runtime.telemetry.observations.start_attempt(target.id, 100.0)
        if down and target.id.startswith(down):
            for _ in range(5):
                runtime.resilience.breakers.force_admit(target.id).record_failure(
                    CLASSIFICATIONS["server_error"], 100.0, BreakerSettings()
                )
    clock.now += after
    request = Request("POST", "/v1/costs/analyze", CIMultiDict(headers or {}))
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    exchange = Exchange("r-1", request, SNAPSHOT, runtime, 100.0, raw=raw)
    for name in busy:
        runtime.resilience.rate_limits.reserve(SNAPSHOT.limited[name], 0, 100.0)
    HeaderPolicy().before(exchange)
    response = analyze(exchange)
    assert response.body is not None
    return orjson.loads(response.body)


def test_each_provider_has_its_cost_and_availability() -> None:
    assert analyzed(ASK, down=("google",)) == {
        "openai": {"cost": 0.045, "available": True, "target": "openai@us-east-1/o"},
        "google": {"cost": 0.03, "available": False, "target": "google@global/g", "reason": "down"},
        "meta": {"cost": 0.0015, "available": False, "target": "meta@global/l", "reason": "disabled"},
        "own": {"cost": None, "available": True, "target": "own@global/unknown-model"},
    }


def test_a_provider_that_has_only_failed_since_its_ejection_is_down_as_in_health() -> None:
    google = analyzed(ASK, down=("google",), after=3600)["google"]
    assert (google["available"], google["reason"]) == (False, "down")


def test_cached_tokens_have_the_cached_price() -> None:
    assert analyzed({**ASK, "cached_tokens": 500})["openai"]["cost"] == 0.035


def test_a_provider_with_one_target_down_is_priced_by_its_others() -> None:
    openai = analyzed(ASK, down=("openai@us-east-1",))["openai"]
    assert (openai["available"], openai["target"]) == (True, "openai@eu-central-1/o")


@pytest.mark.parametrize(("headers", "routing"), [({"X-Data-Residency": "EU"}, None), ({}, {"data_residency": "EU"})])
def test_control_headers_and_the_routing_member_apply(headers: dict[str, str], routing: Any) -> None:
    said = analyzed({**ASK, "routing": routing}, headers)
    assert said["openai"]["target"] == "openai@eu-central-1/o" and said["openai"]["available"]
    assert said["google"] == {"cost": 0.03, "available": False, "target": "google@global/g", "reason": "data_residency"}


def test_zero_tokens_cost_zero() -> None:
    assert analyzed({**ASK, "prompt_tokens": 0, "completion_tokens": 0})["openai"]["cost"] == 0


def test_a_target_over_the_cost_ceiling_is_not_available() -> None:
    found = analyzed(ASK, {"X-Max-Cost-Per-Request": "0.0101"})
    assert {name: each.get("reason") for name, each in found.items()} == {
        "openai": "over_cost",  # its prompt alone costs 0.015
        "google": "over_cost",  # its prompt leaves 0.0001, which is 2 tokens
        "meta": "disabled",
        "own": "unknown_price",
    }


def test_a_target_whose_answer_would_be_clamped_is_available() -> None:
    found = analyzed(ASK, {"X-Max-Cost-Per-Request": "0.02"})
    assert (found["openai"]["available"], found["google"]["available"]) == (True, True)


def test_a_provider_at_its_limit_is_busy() -> None:
    google = analyzed(ASK, busy=("google",))["google"]
    assert (google["available"], google["reason"]) == (False, "busy")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ["m"]}, "model"),
        ({"model": ""}, "model"),
        ({"prompt_tokens": None}, "prompt_tokens"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": 10**10}, "prompt_tokens"),
        ({"prompt_tokens": True}, "prompt_tokens"),
        ({"completion_tokens": 1.5}, "completion_tokens"),
        ({"completion_tokens": "5"}, "completion_tokens"),
        ({"cached_tokens": -1}, "cached_tokens"),
        ({"cached_tokens": 501}, "cached_tokens"),
    ],
)
def test_an_invalid_member_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"'{param}'") as caught:
        analyzed({**ASK, **members})
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        ([], "invalid_type"),
        ({**ASK, "model": "n"}, "model_not_found"),
        ({**ASK, "x": "x" * 70_000}, "request_too_large"),
    ],
)
def test_an_invalid_request_is_an_error_with_its_code(body: Any, code: str) -> None:
    with pytest.raises(ParrotError) as caught:
        analyzed(body)
    assert caught.value.code == code
