"""Each kind of header reads what it may say, and says what it may where it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.regions import REGIONS
from proxy.config.snapshot import Known
from proxy.routing import reading

KNOWN = Known(
    frozenset({"openai", "anthropic", "google"}), frozenset({"us-east-1", "eu-west-1"}), frozenset({"EU", "US", "UK"})
)
NAMED = "allowed: anthropic, google, openai"
WEIGHTS = 'expected a JSON object such as {"openai": 50, "anthropic": 50}'


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (reading.providers, "openai", ("openai",)),
        (reading.providers, "OpenAI , google", ("openai", "google")),
        (reading.providers, "openai,openai,google", ("openai", "google")),
        (reading.regions, "EU-West-1,us-east-1", ("eu-west-1", "us-east-1")),
        (reading.zone, "eu", "EU"),
        (reading.positive, "0.10", 0.1),
        (reading.positive, "500", 500.0),
        (reading.positive, "1e-05", 0.00001),
        (reading.positive, "0.30000000000000004", 0.30000000000000004),
        (reading.strategy, "Cost-Optimized", "cost-optimized"),
        (reading.user_region, "US-West-2", "us-west-2"),
        (reading.metric, "throughput", "throughput"),
        (reading.window, "10s", 10.0),
        (reading.window, "5m", 300.0),
        (reading.window, "1h", 3600.0),
        (reading.balance, "weighted", "weighted"),
        (reading.weights, '{"openai":50,"google":0}', (("openai", 50), ("google", 0))),
        (reading.boolean, "TRUE", True),
        (reading.boolean, "false", False),
        (reading.retries, "0", 0),
        (reading.retries, "10", 10),
        (reading.retries, "03", 3),
        (reading.session, "user:42/chat-7", "user:42/chat-7"),
    ],
)
def test_what_may_be_said_is_understood(read: Any, text: str, value: Any) -> None:
    assert read(text, KNOWN) == value


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (reading.providers, "opnai", f"no provider 'opnai'; {NAMED}"),
        (reading.providers, "", f"no provider ''; {NAMED}"),
        (reading.providers, "openai,", f"no provider ''; {NAMED}"),
        (reading.providers, "openai;google", f"no provider 'openai;google'; {NAMED}"),
        (reading.providers, "x" * 100, f"no provider '{'x' * 64}'; {NAMED}"),
        (reading.regions, "eu", "no region 'eu'; allowed: eu-west-1, us-east-1"),
        (reading.zone, "DE", "no zone 'DE'; allowed: EU, UK, US"),
        (reading.positive, "0", "'0' is not a number above 0, such as 0.10 or 500"),
        (reading.positive, "-1", "'-1' is not a number above 0"),
        (reading.positive, "nan", "'nan' is not a number above 0"),
        (reading.positive, "inf", "'inf' is not a number above 0"),
        (reading.positive, "1_000", "'1_000' is not a number above 0"),
        (reading.positive, "$1", "'$1' is not a number above 0"),
        (reading.positive, "٣", "'٣' is not a number above 0"),
        (reading.positive, "1e-99999", "is not a number above 0"),
        (reading.strategy, "fastest", "'fastest' is not one of automatic, geographic, cost-optimized, performance,"),
        (reading.user_region, "us-wset-2", "no region 'us-wset-2'; allowed: those of AWS, Azure and Google Cloud, as us-west-2"),
        (reading.metric, "p50", "'p50' is not one of ttft, latency, throughput"),
        (reading.window, "5", "'5' is not a duration from 10s to 60m"),
        (reading.window, "9s", "'9s' is not a duration from 10s to 60m"),
        (reading.window, "61m", "'61m' is not a duration from 10s to 60m"),
        (reading.balance, "random", "'random' is not one of round-robin, weighted"),
        (reading.weights, "openai=50", WEIGHTS),
        (reading.weights, "[50]", WEIGHTS),
        (reading.weights, "{}", WEIGHTS),
        (reading.weights, '{"mistral":1}', f"no provider 'mistral'; {NAMED}"),
        (reading.weights, '{"openai":1.5}', "the weight of 'openai' must be a whole number from 0 to 1000000"),
        (reading.weights, '{"openai":-1}', "the weight of 'openai' must be a whole number"),
        (reading.weights, '{"openai":true}', "the weight of 'openai' must be a whole number"),
        (reading.weights, '{"openai":1000001}', "the weight of 'openai' must be a whole number"),
        (reading.weights, '{"openai":0}', "one weight must be above 0"),
        (reading.boolean, "yes", "'yes' is not one of true, false"),
        (reading.retries, "11", "'11' is not a whole number from 0 to 10"),
        (reading.retries, "-1", "'-1' is not a whole number from 0 to 10"),
        (reading.retries, "00000000011", "'00000000011' is not a whole number from 0 to 10"),
        (reading.retries, "²", "'²' is not a whole number from 0 to 10"),
        (reading.session, "", "must be 1 to 256 of"),
        (reading.session, "a b", "must be 1 to 256 of"),
        (reading.session, "x" * 257, "must be 1 to 256 of"),
    ],
)  # fmt: skip
def test_what_may_not_be_said_is_refused_with_what_may(read: Any, text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(text, KNOWN)
    assert said in str(caught.value)


def test_a_list_of_names_has_an_end() -> None:
    many = Known(frozenset(f"p{number}" for number in range(40)), frozenset(), frozenset())
    assert len(reading.providers(",".join(sorted(many.providers)[:32]), many)) == 32
    with pytest.raises(ValueError, match="more than 32 names"):
        reading.providers(",".join(many.providers), many)


@pytest.mark.parametrize("region", REGIONS)
def test_a_caller_may_be_in_every_region_there_is(region: str) -> None:
    assert reading.user_region(region, KNOWN) == region


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 4097, "longer than 4096 characters"),
        (" " * 5000, "longer than 4096 characters"),
        ('{"a":1,"a":2}', "'a' stands in it twice"),
        ('{"a":1,"\\u0061":2}', "'a' stands in it twice"),
        ('{"a":{"b":1,"b":1}}', "'b' stands in it twice"),
        ('[{"b":1,"b":1}]', "'b' stands in it twice"),
    ],
)
def test_a_text_is_bounded_and_its_json_unambiguous(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        reading.checked(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "checked"),
    [(" a ", "a"), ("", ""), ('{"a":', '{"a":'), ("[" * 4000, "[" * 4000), (' {"a":{"a":1}} ', '{"a":{"a":1}}')],
)
def test_spaces_around_a_text_do_not_count(text: str, checked: str) -> None:
    assert reading.checked(text) == checked
