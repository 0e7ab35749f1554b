"""An account is known by its address and its credentials, none of which can be read from what is kept of it."""

from __future__ import annotations

import pytest

from proxy.config.snapshot import Snapshot, Target
from proxy.resilience.accounts import NO_CHANGES, Accounts, ChangedAccounts
from tests.fakes import generation

FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a:
    dialect: openai
    base_url: https://a.test/v1
    api_key: sk-canary-old
    headers: {X-Org: canary-org}
    query: {version: canary-version}
    regions: {us: {}, eu: {base_url: "https://eu.a.test/v1"}}
  b: {dialect: openai, base_url: "https://b.test/v1", api_key: sk-canary-b}
models:
  m: {a: m-a, b: m-b}
  "a-*": {a: "*"}
"""
WHOLE = ChangedAccounts(frozenset({"a@us", "a@eu"}), frozenset({"a"}))


def snapshot(*changes: tuple[str, str]) -> Snapshot:
    file = FILE
    for old, new in changes:
        assert old in file
        file = file.replace(old, new)
    return generation(file).snapshot


def target(of: Snapshot, region: str = "us") -> Target:
    return next(each for each in of.models["m"] if each.region == region)


def test_the_first_snapshot_changes_nothing() -> None:
    assert Accounts().update(snapshot()) == NO_CHANGES


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (("sk-canary-old", "sk-canary-new"), WHOLE),
        (("canary-org", "another-org"), WHOLE),
        (("canary-version", "another-version"), WHOLE),
        (("{X-Org: canary-org}", "{}"), WHOLE),
        (("api_key: sk-canary-old", "api_key: sk-canary-old\n    path: /chat"), WHOLE),
        (("api_key: sk-canary-old", "api_key: sk-canary-old\n    auth: api-key"), WHOLE),
        (("https://a.test/v1", "https://a2.test/v1"), ChangedAccounts(frozenset({"a@us"}))),
        (("https://eu.a.test", "https://eu2.a.test"), ChangedAccounts(frozenset({"a@eu"}))),
        (("api_key: sk-canary-old", "api_key: sk-canary-old\n    weight: 7"), NO_CHANGES),
        (("api_key: sk-canary-old", "api_key: sk-canary-old\n    timeouts: {response: 9s}"), NO_CHANGES),
        (("m: {a: m-a", "m: {a: other"), NO_CHANGES),
        (("us: {}, eu", "us: {}, ap: {}, eu"), NO_CHANGES),
    ],
)
def test_an_address_or_a_credential_makes_another_account(change: tuple[str, str], changed: ChangedAccounts) -> None:
    accounts = Accounts()
    accounts.update(snapshot())
    assert accounts.update(snapshot(change)) == changed
    assert accounts.update(snapshot(change)) == NO_CHANGES


def test_a_provider_that_comes_back_with_another_key_is_another_account() -> None:
    accounts, without = Accounts(), generation(FILE.replace("  a:\n", "  c:\n").replace("{a: ", "{c: ")).snapshot
    accounts.update(snapshot())
    assert accounts.update(without) == NO_CHANGES
    assert accounts.update(snapshot()) == NO_CHANGES
    accounts.update(without)
    assert accounts.update(snapshot(("sk-canary-old", "sk-canary-new"))) == WHOLE


def test_targets_of_older_snapshots_are_outdated_once_their_account_was_replaced() -> None:
    accounts, old, new = Accounts(), snapshot(), snapshot(("https://eu.a.test", "https://eu2.a.test"))
    assert not accounts.is_outdated(target(old))
    accounts.update(old)
    accounts.update(new)
    assert [accounts.is_outdated(target(old, region)) for region in ("us", "eu")] == [False, True]
    assert [accounts.is_outdated(target(new, region)) for region in ("us", "eu")] == [False, False]


def test_the_targets_of_a_location_are_found_by_their_id_also_those_of_patterns() -> None:
    changed = ChangedAccounts(frozenset({"a@us"}))
    assert [changed.has_target(id) for id in ("a@us/m", "a@us/meta/x", "a@eu/m", "b@us/a@us")] == [
        True,
        True,
        False,
        False,
    ]


def test_no_credential_can_be_read_from_accounts() -> None:
    accounts = Accounts()
    accounts.update(snapshot())
    kept = f"{accounts!r} {accounts._fingerprints!r}"
    assert "canary" not in kept and "a.test" not in kept


def test_two_processes_have_different_fingerprints_of_the_same_key() -> None:
    one, other = Accounts(), Accounts()
    one.update(snapshot())
    other.update(snapshot())
    assert one._fingerprints["a@us"] != other._fingerprints["a@us"]
