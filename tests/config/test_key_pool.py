"""The key of a provider, or a pool of several of which missing ones are skipped."""

from __future__ import annotations

import pytest

from proxy.cli.schema import schema
from proxy.config.document import ConfigError
from proxy.config.snapshot import Provider
from proxy.generation import Generation
from tests.fakes import generation
from tests.schemas import validation_errors

FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {dialect: openai, base_url: http://x, headers: {x-team: "${ONE}"}, api_key: KEYS}
models: {m: {a: m-a}}
"""
ENVIRON = {"ONE": "sk-canary-0001", "TWO": "sk-canary-0002", "EMPTY": " "}


def built(keys: str) -> Generation:
    return generation(FILE.replace("KEYS", keys), ENVIRON)


def loaded(keys: str) -> Provider:
    return built(keys).snapshot.providers["a"]


@pytest.mark.parametrize(
    ("keys", "labels", "accounts"),
    [
        ("['${ONE}', '${TWO}']", ["key 1", "key 2"], [None, None]),
        ("['${ONE}', {value: '${TWO}', name: spare}]", ["key 1", "spare"], [None, None]),
        ("[{value: '${ONE}', account: x}, {value: '${TWO}', account: x, name: b}]", ["key 1", "b"], ["x", "x"]),
    ],
)
def test_keys_are_named_by_position_or_name_and_belong_to_an_account(keys, labels, accounts) -> None:
    provider = loaded(keys)
    pool = provider.pool
    assert [(key.secret.value, key.label) for key in pool.keys] == list(zip(ENVIRON.values(), labels, strict=False))
    assert [None if key.account == key.secret else key.account for key in pool.keys] == accounts
    assert len(provider.accounts) == len({str(each) for each in accounts} - {"None"}) + accounts.count(None)
    assert provider.key.value == ENVIRON["ONE"] and provider.disabled_reason is None


@pytest.mark.parametrize("keys", ["'${ONE}'", "sk-plain-1234567", "~", ""])
def test_a_single_key_is_no_pool(keys: str) -> None:
    provider = loaded(keys)
    assert provider.pool is None and provider.accounts == (None,) and provider.missing_keys == {}
    assert (provider.key is None) is (keys in ("~", ""))


def test_missing_keys_are_skipped_and_without_any_the_provider_is_disabled() -> None:
    some = loaded("['${NONE}', '${TWO}', {value: '${EMPTY}', name: third}]")
    assert [key.label for key in some.pool.keys] == ["key 2"] and some.key.value == ENVIRON["TWO"]
    assert some.missing_keys == {"key 1": "NONE is not set", "third": "${EMPTY} is empty"}
    assert some.disabled_reason is None
    none = loaded("['${NONE}', '${EMPTY}']")
    assert none.disabled_reason == "key 1: NONE is not set, key 2: ${EMPTY} is empty" and none.pool is None


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("['${ONE}']", "api_key: expected a key, or a list of 2 to 16 keys, got a list of 1"),
        ("[]", "got a list of 0"),
        (str(["k"] * 17), "got a list of 17"),
        ("{value: '${ONE}'}", "api_key: expected text, .* or a list of 2 to 16"),
        ("[[a], b]", r"api_key\[0\]: expected text"),
        ("[a, {account: x}]", r"api_key\[1\].value: is missing"),
        ("[a, {value: b, acount: x}]", r"api_key\[1\].acount: unknown key; did you mean 'account'"),
        ("[a, {value: b, account: 'x y'}]", r"api_key\[1\].account: does not match"),
        ("[a, 'two words']", r"api_key\[1\]: the secret contains a space"),
        ("[{value: a, name: x}, {value: b, name: x}]", r"api_key\[0\]: another key of the list has the same name"),
    ],
)
def test_an_invalid_pool_is_refused_with_its_place(keys: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        built(keys)


def test_every_key_is_a_secret_of_every_output() -> None:
    one = built("['${ONE}', {value: '${TWO}', account: x}]")
    assert set(ENVIRON.values()) - {" "} <= one.snapshot.providers["a"].redactor.secrets
    assert set(ENVIRON.values()) - {" "} <= one.snapshot.secrets
    assert "canary" not in repr(one.snapshot)


@pytest.mark.parametrize(
    ("keys", "valid"),
    [("${A}", True), (["a", {"value": "b", "account": "x", "name": "y"}], True), (["a"], False), (["a"] * 17, False),
     ([{"account": "x"}, "a"], False), ({"value": "a"}, False)],
)  # fmt: skip
def test_the_json_schema_accepts_the_same(keys: object, valid: bool) -> None:
    provider = {"dialect": "openai", "base_url": "http://x", "api_key": keys}
    assert (not validation_errors({"providers": {"a": provider}, "models": {}}, schema())) is valid
