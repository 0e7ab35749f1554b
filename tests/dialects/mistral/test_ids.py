from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.mistral.ids import sanitize_ids


@given(st.lists(st.text()))
def test_no_two_ids_become_one_and_all_are_nine_letters_or_digits(ids: list[str]) -> None:
    told = sanitize_ids(ids)
    assert set(told) == set(ids) and len(set(told.values())) == len(told)
    assert all(len(id) == 9 and id.isascii() and id.isalnum() for id in told.values())


def test_an_id_is_told_the_same_in_every_turn() -> None:
    assert (
        sanitize_ids(["call_a", "call_b"])["call_a"] == sanitize_ids(["call_a", "x", "call_b", "Dabc12345"])["call_a"]
    )


def test_a_good_id_stays() -> None:
    assert sanitize_ids(["call_a", "Dabc12345"])["Dabc12345"] == "Dabc12345"


def test_an_id_that_would_become_one_that_is_taken_becomes_another() -> None:
    usual = sanitize_ids(["call_a"])["call_a"]
    told = sanitize_ids(["call_a", usual])
    assert told[usual] == usual and told["call_a"] != usual and len(told["call_a"]) == 9
