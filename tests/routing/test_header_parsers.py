"""Each parser returns the value of a valid text, and rejects any other with what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.regions import REGIONS
from proxy.config.snapshot import KnownNames
from proxy.routing import header_parsers

KNOWN = KnownNames(
    frozenset({"openai", "anthropic", "google"}), frozenset({"us-east-1", "eu-west-1"}), frozenset({"EU", "US", "UK"})
)
NAMED = "allowed: anthropic, google, openai"
WEIGHTS = 'expected a JSON object such as {"openai": 50, "anthropic": 50}'


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (header_parsers.providers, "openai", ("openai",)),
        (header_parsers.providers, "OpenAI , google", ("openai", "google")),
        (header_parsers.providers, "openai,openai,google", ("openai", "google")),
        (header_parsers.regions, "EU-West-1,us-east-1", ("eu-west-1", "us-east-1")),
        (header_parsers.zone, "eu", "EU"),
        (header_parsers.positive, "0.10", 0.1),
        (header_parsers.positive, "500", 500.0),
        (header_parsers.positive, "1e-05", 0.00001),
        (header_parsers.positive, "0.30000000000000004", 0.30000000000000004),
        (header_parsers.strategy, "Cost-Optimized", "cost-optimized"),
        (header_parsers.user_region, "US-West-2", "us-west-2"),
        (header_parsers.metric, "throughput", "throughput"),
        (header_parsers.window, "10s", 10.0),
        (header_parsers.window, "5m", 300.0),
        (header_parsers.window, "1h", 3600.0),
        (header_parsers.balancing_mode, "weighted", "weighted"),
        (header_parsers.weights, '{"openai":50,"google":0}', (("openai", 50), ("google", 0))),
        (header_parsers.boolean, "TRUE", True),
        (header_parsers.boolean, "false", False),
        (header_parsers.retries, "0", 0),
        (header_parsers.retries, "10", 10),
        (header_parsers.retries, "03", 3),
        (header_parsers.session, "user:42/chat-7", "user:42/chat-7"),
    ],
)
def test_a_valid_text_is_parsed(parse: Any, text: str, value: Any) -> None:
    assert parse(text, KNOWN) == value


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (header_parsers.providers, "opnai", f"no provider 'opnai'; {NAMED}"),
        (header_parsers.providers, "", f"no provider ''; {NAMED}"),
        (header_parsers.providers, "openai,", f"no provider ''; {NAMED}"),
        (header_parsers.providers, "openai;google", f"no provider 'openai;google'; {NAMED}"),
        (header_parsers.providers, "x" * 100, f"no provider '{'x' * 64}'; {NAMED}"),
        (header_parsers.regions, "eu", "no region 'eu'; allowed: eu-west-1, us-east-1"),
        (header_parsers.zone, "DE", "no zone 'DE'; allowed: EU, UK, US"),
        (header_parsers.positive, "0", "'0' is not a number above 0, such as 0.10 or 500"),
        (header_parsers.positive, "-1", "'-1' is not a number above 0"),
        (header_parsers.positive, "nan", "'nan' is not a number above 0"),
        (header_parsers.positive, "inf", "'inf' is not a number above 0"),
        (header_parsers.positive, "1_000", "'1_000' is not a number above 0"),
        (header_parsers.positive, "$1", "'$1' is not a number above 0"),
        (header_parsers.positive, "٣", "'٣' is not a number above 0"),
        (header_parsers.positive, "1e-99999", "is not a number above 0"),
        (header_parsers.strategy, "fastest", "'fastest' is not one of automatic, geographic, cost-optimized, performance,"),
        (header_parsers.user_region, "us-wset-2", "no region 'us-wset-2'; allowed: those of AWS, Azure and Google Cloud, as us-west-2"),
        (header_parsers.metric, "p50", "'p50' is not one of ttft, latency, throughput"),
        (header_parsers.window, "5", "'5' is not a duration from 10s to 60m"),
        (header_parsers.window, "9s", "'9s' is not a duration from 10s to 60m"),
        (header_parsers.window, "61m", "'61m' is not a duration from 10s to 60m"),
        (header_parsers.balancing_mode, "random", "'random' is not one of round-robin, weighted"),
        (header_parsers.weights, "openai=50", WEIGHTS),
        (header_parsers.weights, "[50]", WEIGHTS),
        (header_parsers.weights, "{}", WEIGHTS),
        (header_parsers.weights, '{"mistral":1}', f"no provider 'mistral'; {NAMED}"),
        (header_parsers.weights, '{"openai":1.5}', "the weight of 'openai' must be a whole number from 0 to 1000000"),
        (header_parsers.weights, '{"openai":-1}', "the weight of 'openai' must be a whole number"),
        (header_parsers.weights, '{"openai":true}', "the weight of 'openai' must be a whole number"),
        (header_parsers.weights, '{"openai":1000001}', "the weight of 'openai' must be a whole number"),
        (header_parsers.weights, '{"openai":0}', "one weight must be above 0"),
        (header_parsers.boolean, "yes", "'yes' is not one of true, false"),
        (header_parsers.retries, "11", "'11' is not a whole number from 0 to 10"),
        (header_parsers.retries, "-1", "'-1' is not a whole number from 0 to 10"),
        (header_parsers.retries, "00000000011", "'00000000011' is not a whole number from 0 to 10"),
        (header_parsers.retries, "²", "'²' is not a whole number from 0 to 10"),
        (header_parsers.session, "", "must be 1 to 256 of"),
        (header_parsers.session, "a b", "must be 1 to 256 of"),
        (header_parsers.session, "x" * 257, "must be 1 to 256 of"),
    ],
)  # fmt: skip
def test_an_invalid_text_is_rejected_with_what_is_allowed(parse: Any, text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text, KNOWN)
    assert message in str(caught.value)


def test_the_number_of_names_is_limited() -> None:
    many = KnownNames(frozenset(f"p{number}" for number in range(40)), frozenset(), frozenset())
    assert len(header_parsers.providers(",".join(sorted(many.providers)[:32]), many)) == 32
    with pytest.raises(ValueError, match="more than 32 names"):
        header_parsers.providers(",".join(many.providers), many)


@pytest.mark.parametrize("region", REGIONS)
def test_every_known_region_is_accepted(region: str) -> None:
    assert header_parsers.user_region(region, KNOWN) == region


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 4097, "longer than 4096 characters"),
        (" " * 5000, "longer than 4096 characters"),
        ('{"a":1,"a":2}', "duplicate name 'a'"),
        ('{"a":1,"\\u0061":2}', "duplicate name 'a'"),
        ('{"a":{"b":1,"b":1}}', "duplicate name 'b'"),
        ('[{"b":1,"b":1}]', "duplicate name 'b'"),
    ],
)
def test_a_text_that_is_too_long_or_ambiguous_is_rejected(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        header_parsers.validate_text(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" a ", "a"), ("", ""), ('{"a":', '{"a":'), ("[" * 4000, "[" * 4000), (' {"a":{"a":1}} ', '{"a":{"a":1}}')],
)
def test_surrounding_spaces_are_removed(text: str, expected: str) -> None:
    assert header_parsers.validate_text(text) == expected
