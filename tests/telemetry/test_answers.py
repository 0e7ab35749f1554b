"""Each target keeps its latest answers and counts of five minutes; those of several targets merge by number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.answers import MAX_LATEST, AnswerCount, EventSequence, LatestAnswers, latest_bad, merge_latest


def latest_answers(*answers: tuple[int, bool], now: float = 100.0) -> LatestAnswers:
    latest = LatestAnswers()
    for number, good in answers:
        latest.add(number, good, now)
    return latest


def decode(answers: list[int]) -> list[tuple[int, bool]]:
    return [(answer // 2, bool(answer & 1)) for answer in answers]


def test_the_sequence_starts_with_one() -> None:
    sequence = EventSequence()
    assert [sequence.next(), sequence.next(), sequence.last] == [1, 2, 2]


def test_only_the_latest_twenty_are_kept_however_old() -> None:
    answers = latest_answers((1, False), *[(number, True) for number in range(2, 30)])
    assert (len(answers.latest), answers.has_bad, answers.last_bad_at) == (MAX_LATEST, False, 100.0)
    assert latest_answers((1, False), now=-1e9).has_bad and not LatestAnswers().has_bad


@pytest.mark.parametrize(("now", "good", "bad"), [(299, 1, 2), (329, 1, 1), (359, 0, 1), (590, 0, 0)])
def test_answers_of_five_minutes_are_counted_in_buckets_of_half_a_minute(now: float, good: int, bad: int) -> None:
    answers = LatestAnswers()
    for number, then in enumerate((1, 31, 61), 1):
        answers.add(number, number == 2, then)
    assert answers.count(float("-inf"), now) == AnswerCount(good, bad)


@pytest.mark.parametrize(
    ("since", "counted"), [(float("-inf"), 3), (5, 2), (29.9, 2), (30, 1), (59, 1), (60, 0), (1e9, 0)]
)
def test_buckets_that_began_before_a_recovery_do_not_count(since: float, counted: int) -> None:
    answers = LatestAnswers()
    for number, now in enumerate((5, 35, 65), 1):
        answers.add(number, True, now)
    assert answers.count(since, 70).good == counted


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=400), st.integers(0, 400))
def test_answers_of_several_targets_merge_by_number(script: list[tuple[int, bool]], after: int) -> None:
    targets = [LatestAnswers() for _ in range(41)]
    for number, (target, good) in enumerate(script, 1):
        targets[target].add(number, good, 1.0)
    everything = [(number, good) for number, (_, good) in enumerate(script, 1)]
    found = decode(merge_latest(targets, after))
    assert found == [each for each in everything if each[0] > after][-MAX_LATEST:]
    assert latest_bad(merge_latest(targets, after)) == max((number for number, good in found if not good), default=0)
