"""Which key of a pool comes next, and what counts against a key or its account."""

from __future__ import annotations

import pytest

from proxy.config.snapshot import Provider, Snapshot
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.resilience.key_pools import AVOIDED_S, KeyPools
from tests.fakes import generation

FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a:
    dialect: openai
    base_url: http://x
    api_key: [sk-canary-1, {value: sk-canary-2, account: x}, {value: sk-canary-3, account: x}]
models: {m: {a: m-a}}
"""
LIMITED, REFUSED, QUOTA = (CLASSIFICATIONS[name] for name in ("rate_limit", "auth_error", "quota"))


def snapshot(text: str = FILE) -> Snapshot:
    return generation(text).snapshot


def made() -> tuple[KeyPools, Provider]:
    pools, one = KeyPools(), snapshot()
    pools.update(one)
    return pools, one.providers["a"]


def order(pools: KeyPools, provider: Provider, now: float) -> str:
    """Return the positions of the keys, best first."""
    return "".join(key.label.removeprefix("key ") for key in pools.order(provider, now))


def cooling(pools: KeyPools, provider: Provider, now: float) -> list[float]:
    return [pools.cooling_for_s("a", key, now) for key in provider.pool.keys]


def test_keys_take_turns() -> None:
    pools, provider = made()
    first = []
    for now in range(7):
        key = pools.order(provider, float(now))[0]
        first.append(key.label[-1])
        pools.mark_used("a", key)
    assert "".join(first) == "1231231"


def test_looking_takes_no_turn() -> None:
    pools, provider = made()
    assert [order(pools, provider, 0.0) for _ in range(3)] == ["123"] * 3


def test_a_rate_limit_counts_against_the_account_and_a_refusal_against_the_key() -> None:
    pools, provider = made()
    pools.record_rate_limit("a", provider.pool.keys[1], LIMITED, 100.0)
    assert cooling(pools, provider, 100.0) == [0, 5, 5]
    pools.record_refusal("a", provider.pool.keys[2], QUOTA, 100.0)
    assert cooling(pools, provider, 106.0) == [0, 0, 294]


def test_a_key_is_refused_three_times_before_it_cools_down() -> None:
    pools, provider = made()
    for now in (100.0, 101.0):
        pools.record_refusal("a", provider.pool.keys[0], REFUSED, now)
        assert cooling(pools, provider, now)[0] == 0 and order(pools, provider, now)[-1] == "1"
    pools.record_refusal("a", provider.pool.keys[0], REFUSED, 102.0)
    assert cooling(pools, provider, 102.0) == [60, 0, 0]


def test_of_available_keys_those_without_a_recent_failure_come_first_then_the_one_that_failed_longest_ago() -> None:
    pools, provider = made()
    for position, now in ((0, 100.0), (2, 101.0)):
        pools.record_refusal("a", provider.pool.keys[position], REFUSED, now)
    pools.mark_used("a", provider.pool.keys[1])
    assert order(pools, provider, 102.0) == "213"
    assert order(pools, provider, 101.5 + AVOIDED_S) == "132"  # in turn again


def test_keys_that_cool_down_come_last_the_first_to_be_available_before_the_others() -> None:
    pools, provider = made()
    pools.record_refusal("a", provider.pool.keys[0], QUOTA, 100.0)
    pools.record_rate_limit("a", provider.pool.keys[1], LIMITED, 100.0)
    assert order(pools, provider, 101.0) == "321"
    assert pools.provider_cooling_for_s("a", 101.0) == 4
    assert (pools.provider_cooling_for_s("a", 105.0), pools.provider_cooling_for_s("other", 101.0)) == (0, 0)


def test_content_ends_the_series_of_limits_and_refusals() -> None:
    pools, provider = made()
    key = provider.pool.keys[0]
    pools.record_success("a", key)  # nothing is known of it
    for now in (100.0, 101.0):
        pools.record_refusal("a", key, REFUSED, now)
    pools.record_success("a", key)
    pools.record_refusal("a", key, REFUSED, 102.0)
    assert cooling(pools, provider, 102.0)[0] == 0


def test_an_account_rests_as_long_as_its_provider_says_and_no_longer_than_five_minutes() -> None:
    pools, provider = made()
    pools.hold("a", provider.pool.keys[1], 20.0, 100.0)
    pools.hold("a", provider.pool.keys[0], 9999.0, 100.0)
    assert cooling(pools, provider, 100.0) == [300, 20, 20]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sk-canary-1", "sk-canary-9", [0, 5, 5]),  # a new key
        ("base_url", "weight: 2\n    base_url", [300, 5, 5]),
        ("[sk-canary-1, ", "[sk-canary-0, sk-canary-1, ", [0, 300, 5, 5]),
        ("account: x", "account: y", [300, 0, 5]),
    ],
)
def test_over_a_reload_a_key_and_an_account_that_stay_keep_their_record(old, new, expected) -> None:
    pools, provider = made()
    pools.record_refusal("a", provider.pool.keys[0], QUOTA, 100.0)
    pools.record_rate_limit("a", provider.pool.keys[1], LIMITED, 100.0)
    changed = snapshot(FILE.replace(old, new, 1))
    pools.update(changed)
    assert cooling(pools, changed.providers["a"], 100.0) == expected
    assert "canary" not in repr(pools) + repr(pools._states)


def test_after_a_new_address_all_keys_have_a_clean_record() -> None:
    pools, provider = made()
    pools.record_refusal("a", provider.pool.keys[0], QUOTA, 100.0)
    pools.forget(["b"])
    assert cooling(pools, provider, 100.0)[0] == 300
    pools.forget(["a"])
    assert cooling(pools, provider, 100.0)[0] == 0


def test_the_status_of_each_key_has_its_name_and_no_part_of_it() -> None:
    pools = KeyPools()
    one = snapshot(FILE.replace("[sk-canary-1,", "['${UNSET}', {value: sk-canary-4, name: spare},"))
    pools.update(one)
    provider = one.providers["a"]
    pools.record_refusal("a", provider.pool.keys[0], QUOTA, 100.0)
    assert pools.status(provider, 100.5) == [
        {"name": "spare", "status": "cooling down", "seconds": 300},
        {"name": "key 3", "status": "available"},
        {"name": "key 4", "status": "available"},
        {"name": "key 1", "status": "missing", "reason": "UNSET is not set"},
    ]
