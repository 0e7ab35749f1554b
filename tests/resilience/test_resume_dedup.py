"""Text that was sent is not sent again, however the continuation is split into pieces."""

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
def test_a_replay_is_removed_however_it_is_split(sent, rest, points):
    matcher = ReplayMatcher(sent)
    assert "".join(map(matcher.feed, parts(sent + rest, points))) == rest
    matcher.finish()


@given(texts, texts, st.lists(st.integers(0, 100), max_size=6))
def test_a_different_beginning_is_a_mismatch_before_any_new_text_passes(sent, other, points):
    matcher, passed = ReplayMatcher(sent), ""
    try:
        for part in parts(other, points):
            passed += matcher.feed(part)
        matcher.finish()
    except ResumeMismatchError:
        assert not passed and not other.startswith(sent)
    else:
        assert other == sent + passed


@given(texts, texts, st.booleans(), st.lists(st.integers(0, 100), max_size=6))
def test_a_repeated_prefill_is_removed_however_it_is_split(sent, rest, echoed, points):
    sent, rest = "twenty characters here" + sent.rstrip(), "x" + rest
    matcher = PrefillMatcher(sent, " \n")
    received = (sent + " \n" if echoed else "") + rest
    assert "".join([*map(matcher.feed, parts(received, points)), matcher.finish()]) == rest


@pytest.mark.parametrize(
    ("trailing_space", "received", "new"),
    [(" ", " word", "word"), (" ", "word", "word"), ("\n\n", "\nword", "word"), ("\n", " word", " word"),
     ("", "w", "w"), ("", "the be", "the be"), (" ", "the beginning", ""), (" ", "the beginning on", "on")],
)  # fmt: skip
def test_repeated_white_space_is_removed(trailing_space, received, new):
    matcher = PrefillMatcher("the beginning", trailing_space)
    assert matcher.feed(received) + matcher.finish() == new
    assert matcher.feed(" on") == " on"
