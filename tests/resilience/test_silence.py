"""A target is suspect if it is silent to three requests, and slow answers raise its threshold."""

from __future__ import annotations

from proxy.resilience.silence import Silence


class Request:
    def __init__(self) -> None:
        self.suspected = 0

    def suspect(self) -> None:
        self.suspected += 1


def waiting(silence: Silence, count: int) -> list[Request]:
    requests = [Request() for _ in range(count)]
    for request in requests:
        silence.begin(request)
    return requests


def test_three_silent_requests_past_the_threshold_make_a_target_suspect() -> None:
    silence = Silence()
    first, second, third, early = waiting(silence, 4)
    assert [silence.pass_threshold(each) for each in (first, second)] == [False, False]
    assert not silence.is_suspect and not early.suspected
    assert silence.pass_threshold(third) and silence.is_suspect
    assert [each.suspected for each in (first, second, third, early)] == [1, 1, 1, 1]
    assert silence.pass_threshold(early) and early.suspected == 1


def test_a_byte_since_the_first_of_them_began_clears_the_target() -> None:
    silence = Silence()
    requests = waiting(silence, 2)
    silence.reads += 1
    requests += waiting(silence, 2)
    for each in requests:
        assert not silence.pass_threshold(each)
    assert not silence.is_suspect and not any(each.suspected for each in requests)


def test_a_byte_ends_the_suspicion_and_requests_after_it_count_anew() -> None:
    silence = Silence()
    for each in waiting(silence, 3):
        silence.pass_threshold(each)
    silence.reads += 1
    assert not silence.is_suspect
    later = waiting(silence, 3)
    assert [silence.pass_threshold(each) for each in later] == [False, False, True]


def test_requests_that_no_longer_wait_do_not_count() -> None:
    silence = Silence()
    requests = waiting(silence, 3)
    for each in requests:
        silence.pass_threshold(each)
    silence.end(requests[0])
    assert not silence.is_suspect
    silence.end(requests[0])
    assert silence.is_silent_to(requests[1]) and not silence.is_silent_to(requests[0])


def test_a_slow_answer_raises_the_threshold_to_twice_its_time_for_an_hour() -> None:
    silence = Silence()
    assert silence.floor_s(100.0) == 0
    silence.raise_floor(9.0, 100.0)
    silence.raise_floor(5.0, 200.0)
    assert silence.floor_s(3799.0) == 18 and silence.floor_s(3800.0) == 0
    silence.raise_floor(100.0, 4000.0)
    assert silence.floor_s(4000.0) == 120
