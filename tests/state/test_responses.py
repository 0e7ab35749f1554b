"""Kept responses belong to their caller, are bounded in number of bytes and in time, and are counted as held memory."""

from __future__ import annotations

import pytest

from proxy.memory_account import Load
from proxy.state.responses import ENTRY_BYTES, MAX_BYTES, TTL_S, Holder, KeptResponse, KeptResponses

KB = 1024


def kept(size: int = 0, caller: str | None = "a", previous: str | None = None, **more: bytes) -> KeptResponse:
    return KeptResponse(caller, body=b"x" * size, previous=previous, **more)


@pytest.fixture
def load() -> Load:
    return Load(buffered_bytes=7)


@pytest.fixture
def responses(load: Load) -> KeptResponses:
    return KeptResponses(load)


def test_a_response_is_its_callers_alone(responses: KeptResponses) -> None:
    responses.put("r", kept(), 0.0)
    assert responses.get("r", "a", 0.0) is not None
    for other in ("b", None):
        assert responses.get("r", other, 0.0) is None and responses.belongs_to_another("r", other)
    assert responses.get("s", "a", 0.0) is None and not responses.belongs_to_another("s", "a")


def test_what_is_kept_counts_as_held_until_it_is_forgotten(responses: KeptResponses, load: Load) -> None:
    responses.put("r", kept(KB, input=b"12345"), 0.0)
    assert responses.size == KB + 5 + ENTRY_BYTES and load.buffered_bytes == 7 + responses.size
    responses.put("r", kept(), 0.0)
    assert responses.size == ENTRY_BYTES
    responses.delete("r")
    responses.delete("r")
    assert (responses.size, load.buffered_bytes) == (0, 7)


def test_the_least_recently_used_are_forgotten_first(responses: KeptResponses) -> None:
    for number in range(3):
        responses.put(str(number), kept(KB), 0.0, most=3 * (KB + ENTRY_BYTES))
    assert responses.get("0", "a", 1.0)
    responses.put("3", kept(KB), 1.0, most=3 * (KB + ENTRY_BYTES))
    assert [responses.get(str(number), "a", 1.0) is not None for number in range(4)] == [True, False, True, True]


@pytest.mark.parametrize("most", [KB, 2.0**60])
def test_one_that_is_too_large_is_not_kept(responses: KeptResponses, most: float) -> None:
    responses.put("small", kept(), 0.0)
    responses.put("large", kept(MAX_BYTES), 0.0, most=most)
    assert responses.get("large", "a", 0.0) is None and responses.get("small", "a", 0.0) is not None


def test_a_response_is_forgotten_an_hour_after_its_last_use(responses: KeptResponses, load: Load) -> None:
    responses.put("r", kept(KB), 0.0)
    assert responses.get("r", "a", TTL_S - 1)
    assert responses.get("r", "a", 2 * TTL_S - 2)
    assert responses.get("r", "a", 3 * TTL_S) is None and load.buffered_bytes == 7


def test_a_conversation_is_all_its_responses_in_their_order(responses: KeptResponses) -> None:
    chain = [kept(input=b"1"), kept(input=b"2", previous="1"), kept(input=b"3", previous="2")]
    for number, each in enumerate(chain, 1):
        responses.put(str(number), each, 0.0)
    assert responses.conversation("3", "a", 0.0) == chain
    assert responses.conversation("2", "a", 0.0) == chain[:2]
    assert responses.conversation("3", "b", 0.0) is None
    responses.delete("1")
    assert responses.conversation("3", "a", 0.0) is None


def test_a_conversation_that_follows_itself_is_none(responses: KeptResponses) -> None:
    responses.put("1", kept(previous="1"), 0.0)
    assert responses.conversation("1", "a", 0.0) is None


def test_of_a_response_that_a_provider_holds_only_the_account_is_kept(responses: KeptResponses) -> None:
    responses.put("r", KeptResponse("a", Holder("p", "global", "k")), 0.0)
    found = responses.get("r", "a", 0.0)
    assert found is not None and found.holder == ("p", "global", "k") and responses.size == ENTRY_BYTES
    assert responses.conversation("r", "a", 0.0) is None
