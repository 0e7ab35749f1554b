"""What was sent is not sent again, however the new answer is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.resilience.overlap import Differs, Overlap

texts = st.text(alphabet="ab \n", max_size=12)


def parts(text, points):
    at = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    return [text[start:end] for start, end in zip(at, at[1:], strict=False)]


@given(texts, texts, st.lists(st.integers(0, 100), max_size=6))
def test_the_same_beginning_is_swallowed_in_any_cuts(sent, rest, points):
    overlap = Overlap(sent)
    assert "".join(map(overlap.new, parts(sent + rest, points))) == rest
    overlap.end()


@given(texts, texts, st.lists(st.integers(0, 100), max_size=6))
def test_another_beginning_is_refused_before_anything_new_is_let_through(sent, other, points):
    overlap, passed = Overlap(sent), ""
    try:
        for part in parts(other, points):
            passed += overlap.new(part)
        overlap.end()
    except Differs:
        assert not passed and not other.startswith(sent)
    else:
        assert other == sent + passed


@pytest.mark.parametrize(
    ("sent", "came", "new"),
    [
        (" ", " word", "word"),
        (" ", "word", "word"),
        ("\n\n", "\nword", "word"),
        ("\n", " word", " word"),
        ("", "w", "w"),
    ],
)
def test_white_space_may_come_again_or_not(sent, came, new):
    overlap = Overlap(sent, strict=False)
    assert overlap.new(came) == new
    assert overlap.new(" on") == " on"
    overlap.end()
