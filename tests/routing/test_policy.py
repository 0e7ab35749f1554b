"""Each header's forms, and what a caller reads of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from proxy.errors import InvalidHeader
from proxy.routing.policy import FIELDS, PLANNED, Policy, asked_in_body, asked_in_headers, parse

PROVIDERS = frozenset({"openai", "anthropic", "google"})
ALLOWED = "allowed: anthropic, google, openai"


@pytest.mark.parametrize(
    ("header", "text", "policy"),
    [
        ("X-Provider", "openai", Policy(only=("openai",))),
        ("X-Provider", " OpenAI , google ", Policy(only=("openai", "google"))),
        ("x-provider", "openai,openai", Policy(only=("openai",))),
        ("X-Provider-Preference", "google,openai", Policy(preference=("google", "openai"))),
        ("X-PROVIDER-FALLBACKS", "openai,anthropic,google", Policy(fallbacks=("openai", "anthropic", "google"))),
        ("X-Routing-Strategy", " automatic ", Policy(strategy="automatic")),
        ("X-Something-Else", "whatever", Policy()),
    ],
)
def test_a_header_is_part_of_the_policy(header: str, text: str, policy: Policy) -> None:
    assert parse(asked_in_headers(CIMultiDict({header: text})), PROVIDERS) == policy


@pytest.mark.parametrize(
    ("header", "text", "message"),
    [
        ("X-Provider", "opnai", f"X-Provider: no provider 'opnai'; {ALLOWED}"),
        ("X-Provider", "", f"X-Provider: no provider ''; {ALLOWED}"),
        ("X-Provider", "openai,", f"X-Provider: no provider ''; {ALLOWED}"),
        ("X-Provider", "openai;google", f"X-Provider: no provider 'openai;google'; {ALLOWED}"),
        ("X-Provider", "http://evil", f"X-Provider: no provider 'http://evil'; {ALLOWED}"),
        ("X-Provider", "x" * 100, f"X-Provider: no provider '{'x' * 64}'; {ALLOWED}"),
        ("X-Provider-Preference", "openai,mistral", f"X-Provider-Preference: no provider 'mistral'; {ALLOWED}"),
        ("X-Provider-Fallbacks", "[openai]", f"X-Provider-Fallbacks: no provider '[openai]'; {ALLOWED}"),
    ],
)
def test_a_wrong_header_is_named_with_what_it_may_say(header: str, text: str, message: str) -> None:
    with pytest.raises(InvalidHeader) as caught:
        parse({header: text}, PROVIDERS)
    error = caught.value
    assert (error.status, error.code, error.param, error.message) == (400, "invalid_header", header, message)


@pytest.mark.parametrize("text", ["fastest", "", "Automatic"])
def test_an_unknown_strategy_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(InvalidHeader, match=f"^X-Routing-Strategy: no strategy '{text}'; allowed: automatic"):
        parse({"X-Routing-Strategy": text}, PROVIDERS)


def test_a_list_of_names_has_an_end() -> None:
    many = frozenset(f"p{number}" for number in range(40))
    assert len(parse({"X-Provider": ",".join(sorted(many)[:32])}, many).only) == 32
    with pytest.raises(InvalidHeader, match=r"^X-Provider: more than 32 names$"):
        parse({"X-Provider": ",".join(many)}, many)


@pytest.mark.parametrize("header", PLANNED)
def test_a_header_not_yet_understood_is_refused_never_ignored(header: str) -> None:
    with pytest.raises(InvalidHeader) as caught:
        parse(asked_in_headers(CIMultiDict({header.lower(): "x"})), PROVIDERS)
    assert (caught.value.param, caught.value.message) == (
        header, f"{header} is not supported by this version; leave it out"
    )  # fmt: skip


def test_no_header_is_both_understood_and_planned() -> None:
    assert not FIELDS.keys() & set(PLANNED)


@pytest.mark.parametrize(
    ("routing", "policy"),
    [
        ({}, Policy()),
        ({"provider": "openai"}, Policy(only=("openai",))),
        ({"provider_preference": ["google", "openai"]}, Policy(preference=("google", "openai"))),
        ({"provider_fallbacks": "google,openai", "routing_strategy": "automatic"},
         Policy(fallbacks=("google", "openai"), strategy="automatic")),
    ],
)  # fmt: skip
def test_the_bodys_routing_says_the_same_in_snake_case(routing: dict[str, Any], policy: Policy) -> None:
    assert parse(asked_in_body(routing), PROVIDERS) == policy


@pytest.mark.parametrize("routing", [None, "openai", ["openai"], 1])
def test_the_bodys_routing_is_an_object(routing: Any) -> None:
    with pytest.raises(InvalidHeader) as caught:
        asked_in_body(routing)
    assert (caught.value.param, caught.value.message) == (
        "routing", "routing: expected an object with members such as provider_preference"
    )  # fmt: skip


@pytest.mark.parametrize("member", ["providers", "X-Provider", "", "url", "y" * 100])
def test_an_unknown_member_of_routing_is_refused_with_those_there_are(member: str) -> None:
    with pytest.raises(InvalidHeader) as caught:
        asked_in_body({member: "openai"})
    assert caught.value.param == f"routing.{member[:64]}"
    assert caught.value.message.startswith(f"routing.{member[:64]}: no such member; allowed: data_residency, exclude_")


@pytest.mark.parametrize(
    ("member", "value"),
    [("data_residency", "EU"), ("max_latency_ms", 500), ("route_explain", True)],
)
def test_a_planned_member_of_routing_is_refused_too(member: str, value: Any) -> None:
    with pytest.raises(InvalidHeader, match="is not supported by this version; leave it out"):
        parse(asked_in_body({member: value}), PROVIDERS)


@pytest.mark.parametrize("value", [None, 3, True, {"name": "openai"}, [["openai"]], []])
def test_a_value_that_names_no_provider_is_refused(value: Any) -> None:
    with pytest.raises(InvalidHeader, match=r"^X-Provider: no provider '"):
        parse(asked_in_body({"provider": value}), PROVIDERS)
