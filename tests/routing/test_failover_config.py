"""X-Failover-Config is parsed completely, or rejected with the reason."""

from __future__ import annotations

import json

import pytest

from proxy.resilience.breakers import BreakerOverride
from proxy.routing.failover_config import MAX_HEADER_LENGTH, Rule, parse_failover_config
from tests.fakes import generation

FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {dialect: openai, base_url: "https://a.test/v1", regions: {us: {}, eu: {}}}
  b: {dialect: openai, base_url: "https://b.test/v1"}
models:
  m: {a: m-a, b: m-b}
  big: {a: big-a, b: big-b}
"""
SNAPSHOT = generation(FILE).snapshot


def read(**members):
    return parse_failover_config(json.dumps({"primary_provider": "a", **members}), SNAPSHOT.known_names)


def test_every_member_is_parsed():
    config = read(
        fallback_rules=[
            {"provider": "b", "trigger": ["rate_limit", "timeout"], "model_mapping": {"m": "big"}},
            {"provider": "a", "max_additional_latency_ms": 1500},
        ],
        circuit_breaker={"enabled": True, "failure_threshold": 3, "recovery_timeout": 60},
    )
    assert config.rules == (
        Rule("b", frozenset({"rate_limit", "timeout"}), (("m", "big"),), None),
        Rule("a", frozenset({"any"}), (), 1.5),
    )
    assert config.providers == ("a", "b") and config.breaker == BreakerOverride(True, 3, 60.0)
    assert read().breaker is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "truncated"),
        ("[]", "object"),
        ("{}", "primary_provider"),
        ('{"primary_provider": "x"}', "no provider 'x'; allowed: a, b"),
        ('{"primary_provider": "a", "fallback_rules": [{"provider": "x"}]}', "no provider 'x'"),
        ('{"primary_provider": "a", "fallback_rules": [{"provider": "b", "trigger": ["bad"]}]}', "bad"),
        ('{"primary_provider": "a", "fallback_rules": [{"provider": "b", "max_additional_latency_ms": 0}]}', "> 0"),
        ('{"primary_provider": "a", "circuit_breaker": {"failure_threshold": 0}}', ">= 1"),
        ('{"primary_provider": "a", "other": 1}', "other"),
        (
            '{"primary_provider": "a", "fallback_rules": [{"provider": "b", "model_mapping": {"m": "a\\nb"}}]}',
            "model_mapping",
        ),
        ("[" * 3000, "."),
        (" " * (MAX_HEADER_LENGTH + 1), f"longer than {MAX_HEADER_LENGTH} characters"),
    ],
)
def test_an_invalid_config_is_rejected_with_the_reason(text, message):
    with pytest.raises(ValueError, match=message):
        parse_failover_config(text, SNAPSHOT.known_names)


@pytest.mark.parametrize(
    ("triggers", "failure", "fails_over", "matches"),
    [
        ({"any"}, "timeout", True, True),
        ({"any"}, "content_filter", False, False),
        ({"content_filter"}, "content_filter", False, True),
        ({"timeout"}, "rate_limit", True, False),
    ],
)
def test_a_rule_matches_its_triggers_and_any_what_fails_over(triggers, failure, fails_over, matches):
    assert Rule("b", frozenset(triggers), (), None).matches(failure, fails_over) is matches


@pytest.mark.parametrize(
    ("mapping", "targets"),
    [
        ({}, ["a@us/m-a", "a@eu/m-a", "b@global/m-b"]),
        ({"m": "big"}, ["a@us/m-a", "a@eu/m-a", "b@global/big-b"]),
        ({"m": "unknown"}, ["a@us/m-a", "a@eu/m-a", "b@global/unknown"]),
        ({"other": "big"}, ["a@us/m-a", "a@eu/m-a", "b@global/m-b"]),
    ],
)
def test_the_targets_of_a_chain_are_those_of_the_mapped_models(mapping, targets):
    config = read(fallback_rules=[{"provider": "b", "model_mapping": mapping}])
    assert [target.id for target in config.targets("m", SNAPSHOT)] == targets
