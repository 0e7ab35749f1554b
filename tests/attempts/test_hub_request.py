"""The translated request is made once, dropped with the parsed body, and made again where another attempt needs it."""

from __future__ import annotations

import orjson
import pytest

from proxy.attempts.hub_request import answer_context, hub_request
from proxy.memory_account import Load, MemoryAccount
from tests.fake_format import ENDPOINT, fake_format
from tests.fakes import NOW, exchange

__all__ = ["fake_format"]
pytestmark = pytest.mark.usefixtures("fake_format")


def test_it_is_made_once_and_again_after_it_was_dropped() -> None:
    one = exchange(raw=orjson.dumps({"model": "m", "ask": "Hi"}))
    one.endpoint = ENDPOINT
    first = hub_request(one)
    assert hub_request(one) is first
    one.forget_members()
    again = hub_request(one)
    assert again is not first and again.body == first.body
    assert answer_context(one).echo == {"ask": "Hi"} and answer_context(one).created == NOW


def test_it_keeps_native_members() -> None:
    one = exchange(raw=orjson.dumps({"model": "m", "ask": "Hi", "google": {"store": True}}))
    one.endpoint = ENDPOINT
    assert hub_request(one).body["google"] == {"store": True}


def test_it_counts_as_much_memory_as_the_parsed_body() -> None:
    one = exchange(raw=orjson.dumps({"model": "m", "ask": "Hi", "more": [0] * 30_000}))
    one.endpoint, load = ENDPOINT, Load()
    one.memory = MemoryAccount(load, 10**9)
    assert one.body
    parsed = load.buffered_bytes
    hub_request(one)
    assert parsed > 10**6 and 0 <= load.buffered_bytes - 2 * parsed < 1000  # and what the answer repeats
    one.forget_members()
    assert load.buffered_bytes < 1000


def test_what_the_answer_repeats_is_counted_until_the_request_ends() -> None:
    one = exchange(raw=orjson.dumps({"model": "m", "ask": "Hi" * 50_000, "more": [0] * 30_000}))
    one.endpoint, load = ENDPOINT, Load()
    one.memory = MemoryAccount(load, 10**9)
    for _ in range(2):
        hub_request(one)
        one.forget_members()
        assert 100_000 < load.buffered_bytes < 101_000
    one.memory.close()
    assert load.buffered_bytes == 0
