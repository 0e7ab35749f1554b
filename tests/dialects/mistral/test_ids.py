from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.mistral import ids as module
from proxy.dialects.mistral.ids import fitting_ids


@given(st.lists(st.text()))
def test_no_two_ids_become_one_and_all_are_nine_letters_or_digits(ids: list[str]) -> None:
    told = fitting_ids(ids)
    assert set(told) == set(ids) and len(set(told.values())) == len(told)
    assert all(len(id) == 9 and id.isascii() and id.isalnum() for id in told.values())


def test_an_id_is_told_the_same_in_every_turn() -> None:
    assert fitting_ids(["call_a", "call_b"])["call_a"] == fitting_ids(["call_a", "x", "call_b", "Dabc12345"])["call_a"]


def test_a_good_id_stays() -> None:
    assert fitting_ids(["call_a", "Dabc12345"])["Dabc12345"] == "Dabc12345"


def test_where_two_ids_have_one_digest_the_second_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_digest", lambda text: f"AAAAAAAA{text[0]}")
    assert list(fitting_ids(["call_a", "call_b"]).values()) == ["AAAAAAAA0", "AAAAAAAA1"]
