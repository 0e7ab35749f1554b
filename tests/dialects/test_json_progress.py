from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.json_progress import JsonProgress

TEXTS = st.text(alphabet='ab"\\{}[], ', max_size=8)
VALUES = st.recursive(TEXTS | st.none(), lambda value: st.lists(value) | st.dictionaries(TEXTS, value), max_leaves=8)


def fed(*pieces: str) -> JsonProgress:
    progress = JsonProgress()
    for piece in pieces:
        progress.feed(piece)
    return progress


@given(st.dictionaries(TEXTS, VALUES) | st.lists(VALUES), st.integers(0, 200))
def test_a_value_is_complete_only_with_its_last_character(value: object, place: int) -> None:
    text = " " + json.dumps(value)
    cut = min(place, len(text) - 1)
    assert not fed(*text[:cut]).is_complete and not fed(text[:cut]).is_complete
    assert fed(*text).is_complete and fed(text[:cut], text[cut:]).is_complete


@pytest.mark.parametrize(
    ("text", "complete"), [("null", True), ("nul", False), ('"a"', True), ("", False), (" ", False), ("1" * 99, False)]
)
def test_a_value_without_brackets_is_complete_if_it_parses(text: str, complete: bool) -> None:
    assert fed(text).is_complete is complete
    assert fed(text).is_blank is (not text.strip())
