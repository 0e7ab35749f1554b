from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.mistral.ids import sanitize_ids


@given(st.lists(st.text()))
def test_ids_are_unique_and_nine_letters_or_digits(ids: list[str]) -> None:
    mapped = sanitize_ids(ids)
    assert set(mapped) == set(ids) and len(set(mapped.values())) == len(mapped)
    assert all(len(id) == 9 and id.isascii() and id.isalnum() for id in mapped.values())


def test_an_id_is_the_same_in_every_turn() -> None:
    assert (
        sanitize_ids(["call_a", "call_b"])["call_a"] == sanitize_ids(["call_a", "x", "call_b", "Dabc12345"])["call_a"]
    )


def test_a_valid_id_is_unchanged() -> None:
    assert sanitize_ids(["call_a", "Dabc12345"])["Dabc12345"] == "Dabc12345"


def test_an_id_that_collides_gets_another() -> None:
    usual = sanitize_ids(["call_a"])["call_a"]
    mapped = sanitize_ids(["call_a", usual])
    assert mapped[usual] == usual and mapped["call_a"] != usual and len(mapped["call_a"]) == 9
