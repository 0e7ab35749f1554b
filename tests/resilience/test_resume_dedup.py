"""What was sent is not sent again, however the new answer is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.resilience.resume_dedup import PrefillMatcher, ReplayMatcher, ResumeMismatchError

texts = st.text(alphabet="ab \n", max_size=12)


def parts(text, points):
    at = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(at)]


@given(texts, texts, st.lists(st.integers(0, 100), max_size=6))
def test_the_same_beginning_is_swallowed_in_any_cuts(sent, rest, points):
    overlap = ReplayMatcher(sent)
    assert "".join(map(overlap.feed, parts(sent + rest, points))) == rest
    overlap.finish()


@given(texts, texts, st.lists(st.integers(0, 100), max_size=6))
def test_another_beginning_is_refused_before_anything_new_is_let_through(sent, other, points):
    overlap, passed = ReplayMatcher(sent), ""
    try:
        for part in parts(other, points):
            passed += overlap.feed(part)
        overlap.finish()
    except ResumeMismatchError:
        assert not passed and not other.startswith(sent)
    else:
        assert other == sent + passed


@given(texts, texts, st.booleans(), st.lists(st.integers(0, 100), max_size=6))
def test_what_goes_on_may_say_it_again_first(sent, rest, echoed, points):
    sent, rest = "twenty characters here" + sent.rstrip(), "x" + rest
    onwards = PrefillMatcher(sent, " \n")
    came = (sent + " \n" if echoed else "") + rest
    assert "".join([*map(onwards.feed, parts(came, points)), onwards.finish()]) == rest


@pytest.mark.parametrize(
    ("trimmed", "came", "new"),
    [(" ", " word", "word"), (" ", "word", "word"), ("\n\n", "\nword", "word"), ("\n", " word", " word"),
     ("", "w", "w"), ("", "the be", "the be"), (" ", "the beginning", ""), (" ", "the beginning on", "on")],
)  # fmt: skip
def test_white_space_may_come_again_or_not(trimmed, came, new):
    onwards = PrefillMatcher("the beginning", trimmed)
    assert onwards.feed(came) + onwards.finish() == new
    assert onwards.feed(" on") == " on"
