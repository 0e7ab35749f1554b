"""Control headers and the body member `routing` become one policy; an invalid one is rejected by name."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from multidict import CIMultiDict

from proxy.errors import InvalidHeaderError
from proxy.routing.policy import (
    DIALECT_HEADERS,
    HEADERS,
    MEMBERS,
    Policy,
    all_control_headers,
    control_headers_from_body,
    extract_control_headers,
    member_name,
    parse_policy,
)
from tests.routing.fixtures import WORLD

FAILOVER = {"primary_provider": "openai", "fallback_rules": [{"provider": "google", "trigger": ["timeout"]}]}
SAFETY = {"harm_block_threshold": "BLOCK_ONLY_HIGH", "categories": ["HARM_CATEGORY_HARASSMENT"]}

VALID: dict[str, tuple[str, Any, Any]] = {
    "X-Provider": ("OpenAI,google", ["openai", "google"], ("openai", "google")),
    "X-Include-Providers": ("openai", "openai", ("openai",)),
    "X-Exclude-Providers": ("mistral", ["mistral"], ("mistral",)),
    "X-Provider-Regions": ("us-east-1,eu-west-2", ["us-east-1", "eu-west-2"], ("us-east-1", "eu-west-2")),
    "X-Data-Residency": ("EU", "eu", "EU"),
    "X-Max-Cost-Per-Request": ("0.00001", 0.00001, 0.00001),
    "X-Provider-Preference": ("anthropic,openai", ["anthropic", "openai"], ("anthropic", "openai")),
    "X-Provider-Fallbacks": ("openai,google", "openai,google", ("openai", "google")),
    "X-Routing-Strategy": ("cost-optimized", "cost-optimized", "cost-optimized"),
    "X-User-Region": ("us-west-2", "us-west-2", "us-west-2"),
    "X-Max-Latency-Ms": ("500", 500, 500.0),
    "X-Performance-Metric": ("ttft", "ttft", "ttft"),
    "X-Performance-Window": ("10m", "10m", 600.0),
    "X-Load-Balance-Strategy": ("round-robin", "round-robin", "round-robin"),
    "X-Load-Balance-Providers": ("openai,google", ["openai", "google"], ("openai", "google")),
    "X-Provider-Weights": ('{"openai":70,"google":30}', {"openai": 70, "google": 30}, (("openai", 70), ("google", 30))),
    "X-Retry-On-Provider-Error": ("false", False, False),
    "X-Max-Provider-Retries": ("3", 3, 3),
    "X-Session-Id": ("user-42", "user-42", "user-42"),
    "X-Route-Explain": ("true", True, True),
}
"""By header: its text, the same in the body member `routing`, and the parsed value."""

INVALID: dict[str, tuple[str, str]] = {
    "X-Provider": ("opnai", "allowed: anthropic, cohere, google, mistral, openai"),
    "X-Include-Providers": ("http://evil", "allowed: anthropic, cohere, google, mistral, openai"),
    "X-Exclude-Providers": ("openai;google", "allowed: anthropic, cohere, google, mistral, openai"),
    "X-Provider-Regions": ("mars-1", "allowed: eu-central-1, eu-west-2, eu-west-3, global, us-east-1, us-west-2"),
    "X-Data-Residency": ("MOON", "allowed: AE, AU,"),
    "X-Max-Cost-Per-Request": ("-1", "such as 0.10 or 500"),
    "X-Provider-Preference": ("openai,", "allowed: anthropic, cohere, google, mistral, openai"),
    "X-Provider-Fallbacks": ("[openai]", "allowed: anthropic, cohere, google, mistral, openai"),
    "X-Routing-Strategy": ("fastest", "automatic, geographic, cost-optimized, performance, round-robin, weighted, least-busy"),
    "X-User-Region": ("atlantis", "allowed: those of AWS, Azure and Google Cloud, as"),
    "X-Max-Latency-Ms": ("soon", "such as 0.10 or 500"),
    "X-Performance-Metric": ("p99", "ttft, latency, throughput"),
    "X-Performance-Window": ("2h", "10s to 60m"),
    "X-Load-Balance-Strategy": ("random", "round-robin, weighted"),
    "X-Load-Balance-Providers": ("unknown", "allowed: anthropic, cohere, google, mistral, openai"),
    "X-Provider-Weights": ('{"openai":"much"}', "a whole number from 0 to 1000000"),
    "X-Failover-Config": ('{"primary":"openai"}', "primary"),
    "X-Retry-On-Provider-Error": ("maybe", "true, false"),
    "X-Max-Provider-Retries": ("11", "from 0 to 10"),
    "X-Session-Id": ("a b", "1 to 256 of"),
    "X-Route-Explain": ("1", "true, false"),
    "X-Google-Safety-Settings": ('{"harm_block_threshold":"LOUD"}', "BLOCK_LOW_AND_ABOVE"),
}  # fmt: skip
"""By header: an invalid value, and part of the error text."""


def parse_headers(headers: dict[str, str]) -> Policy:
    return parse_policy(extract_control_headers(CIMultiDict(headers)), WORLD)


def test_every_header_is_tested() -> None:
    assert VALID.keys() | {"X-Failover-Config"} == HEADERS.keys()
    assert INVALID.keys() == HEADERS.keys() | DIALECT_HEADERS.keys()


@pytest.mark.parametrize("header", VALID)
def test_a_header_and_its_body_member_mean_the_same(header: str) -> None:
    text, member, value = VALID[header]
    assert parse_headers({header.lower(): f" {text} "}) == parse_policy(
        control_headers_from_body({member_name(header): member}), WORLD
    )
    assert getattr(parse_headers({header.upper(): text}), member_name(header)) == value


@pytest.mark.parametrize("header", INVALID)
def test_an_invalid_header_is_rejected_with_its_name_and_what_is_allowed(header: str) -> None:
    text, allowed = INVALID[header]
    with pytest.raises(InvalidHeaderError) as caught:
        parse_headers({header: text})
    error = caught.value
    assert (error.status, error.code, error.param) == (400, "invalid_header", header)
    assert error.message.startswith(f"{header}: ") and allowed in error.message


@pytest.mark.parametrize("header", VALID)
def test_the_length_of_a_header_is_limited(header: str) -> None:
    with pytest.raises(InvalidHeaderError, match=f"^{header}: longer than 4096 characters$"):
        parse_headers({header: VALID[header][0] + " " * 4096})


@pytest.mark.parametrize("depth", [254, 300, 990, 1010, 1020, 2000])
@pytest.mark.parametrize("header", [*HEADERS, *DIALECT_HEADERS])
def test_nested_json_of_any_depth_is_rejected_by_name(header: str, depth: int) -> None:
    for text in ("[" * depth + "]" * depth, '{"openai":' * min(depth, 370) + "1" + "}" * min(depth, 370), "[" * depth):
        with pytest.raises(InvalidHeaderError) as caught:
            parse_policy({header: text}, WORLD)
        assert caught.value.param == header


def test_other_headers_are_ignored() -> None:
    assert extract_control_headers(CIMultiDict({"X-Something-Else": "1", "Authorization": "x"})) == {}
    assert parse_headers({}) == Policy()


def test_several_lines_of_a_header_are_one_list() -> None:
    headers = CIMultiDict([("X-Provider", "openai"), ("x-provider", "google")])
    assert parse_policy(extract_control_headers(headers), WORLD).provider == ("openai", "google")


def test_two_lines_of_a_header_that_is_not_a_list_are_rejected() -> None:
    headers = CIMultiDict([("X-Data-Residency", "EU"), ("X-Data-Residency", "US")])
    with pytest.raises(InvalidHeaderError, match="no zone 'EU,US'"):
        parse_policy(extract_control_headers(headers), WORLD)


@pytest.mark.parametrize(
    "header, text",
    [
        ("X-Provider-Weights", '{"openai":1,"openai":2}'),
        ("X-Failover-Config", '{"primary_provider":"openai","primary_provider":"google"}'),
        ("X-Google-Safety-Settings", '{"harm_block_threshold":"OFF","harm_block_threshold":"BLOCK_NONE"}'),
    ],
)
def test_json_with_duplicate_names_is_rejected(header: str, text: str) -> None:
    with pytest.raises(InvalidHeaderError, match=f"^{header}: duplicate name '.*'$"):
        parse_headers({header: text})


@pytest.mark.parametrize(
    "header, text",
    [
        ("X-Provider-Weights", '{"openai":1,"unknown":2}'),
        ("X-Failover-Config", '{"primary_provider":"openai","url":"http://evil"}'),
        ("X-Google-Safety-Settings", '{"harm_block_threshold":"OFF","url":"http://evil"}'),
    ],
)
def test_json_with_an_unknown_member_is_rejected(header: str, text: str) -> None:
    with pytest.raises(InvalidHeaderError, match=f"^{header}: "):
        parse_headers({header: text})


def test_a_failover_config_and_safety_settings_may_be_objects_in_the_body() -> None:
    headers = {
        "X-Failover-Config": orjson.dumps(FAILOVER).decode(),
        "X-Google-Safety-Settings": orjson.dumps(SAFETY).decode(),
    }
    member = parse_policy(
        control_headers_from_body({"failover_config": FAILOVER, "google_safety_settings": SAFETY}), WORLD
    )
    assert member == parse_headers(headers)
    assert member.failover_config is not None and member.failover_config.providers == ("openai", "google")
    assert member.dialect_options["safety_settings"].settings[0]["threshold"] == "BLOCK_ONLY_HIGH"


@pytest.mark.parametrize("routing", [[], "openai", 1, True])
def test_the_body_member_routing_must_be_an_object(routing: Any) -> None:
    with pytest.raises(
        InvalidHeaderError, match="^routing: expected an object with members such as provider_preference$"
    ):
        control_headers_from_body(routing)


@pytest.mark.parametrize("name", ["providers", "X-Provider", "", "url", "y" * 100])
def test_an_unknown_member_of_routing_is_rejected_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidHeaderError) as caught:
        control_headers_from_body({name: "openai"})
    assert caught.value.param == f"routing.{name[:64]}"
    assert caught.value.message == f"routing.{name[:64]}: no such member; allowed: {', '.join(sorted(MEMBERS))}"


def test_a_null_member_is_ignored() -> None:
    assert parse_policy(control_headers_from_body({"provider": None}), WORLD) == Policy()


@pytest.mark.parametrize("value", [3, True, {"name": "openai"}, [["openai"]], []])
def test_a_value_that_names_no_provider_is_rejected(value: Any) -> None:
    with pytest.raises(InvalidHeaderError, match=r"^X-Provider: no provider '"):
        parse_policy(control_headers_from_body({"provider": value}), WORLD)


def test_a_policy_serializes_to_json_without_its_defaults() -> None:
    policy = parse_headers(
        {"X-Provider": "openai", "X-Provider-Weights": '{"openai":1}', "X-Max-Cost-Per-Request": "0.1"}
    )
    found = orjson.loads(orjson.dumps(policy.as_json()))
    assert found == {"provider": ["openai"], "provider_weights": {"openai": 1}, "max_cost_per_request": 0.1}
    assert orjson.dumps(parse_headers({"X-Failover-Config": orjson.dumps(FAILOVER).decode()}).as_json())


@pytest.mark.parametrize(("text", "seconds"), [("11s", 15), ("59.9s", 60), ("61s", 120), ("60m", 3600)])
def test_a_window_is_rounded_up_to_whole_buckets(text: str, seconds: float) -> None:
    assert parse_policy({"X-Performance-Window": text}, WORLD).performance_window == seconds


@pytest.mark.parametrize(
    ("routing", "headers", "provider"),
    [
        (None, {"X-Provider": "openai"}, ("openai",)),
        ({"provider": ["openai", "google"]}, {}, ("openai", "google")),
        ({"provider": "google"}, {"X-Provider": "openai"}, ("openai",)),
    ],
)
def test_a_header_wins_over_the_body_member(routing: Any, headers: dict[str, str], provider: tuple[str]) -> None:
    assert parse_policy(all_control_headers({"routing": routing}, headers), WORLD).provider == provider
