"""Every class of failure has a verdict."""

from __future__ import annotations

import pytest

from proxy.dialects import faults
from proxy.errors import BadAnswer, ConnectFailure, Disconnected, EgressError, Refused, Silent, UpstreamFailure
from proxy.resilience.verdict import VERDICTS, Verdict, judge


@pytest.mark.parametrize(
    ("trigger", "moves_on"),
    [
        ("connection_error", True),
        ("timeout", True),
        ("server_error", True),
        ("model_overloaded", True),
        ("rate_limit", True),
        ("quota", True),
        ("auth_error", True),
        ("not_found", True),
        ("context_length", False),
        ("content_filter", False),
        ("invalid_request", False),
    ],
)
def test_a_failure_moves_on_if_another_may_do_better(trigger: str, moves_on: bool) -> None:
    assert judge(Refused(400, {"message": "no"}, trigger=trigger)).moves_on is moves_on


@pytest.mark.parametrize("failure", [UpstreamFailure("x"), ConnectFailure("x"), Silent("x")])
def test_a_failure_without_an_answer_moves_on(failure: UpstreamFailure) -> None:
    assert judge(failure).moves_on


def subclasses(kind: type[UpstreamFailure]) -> set[type[UpstreamFailure]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_no_status_or_code_leads_to_a_class_without_a_verdict() -> None:
    codes = [None, "unheard_of", *faults._BY_CODE]
    named = {faults.trigger(status, code) for status in range(100, 600) for code in codes}
    assert named | {kind.trigger for kind in subclasses(UpstreamFailure)} <= VERDICTS.keys()


def refused(status: int, code: str | None = None, **headers: str) -> UpstreamFailure:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return faults.refused(status, named, "no", code=code)


HARD = Verdict(True, run="grows", ratio="failure", fault=True)
HARD_SOON = Verdict(True, run="grows", ratio="failure", fault=True, again="soon")


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (ConnectFailure("x"), HARD),
        (EgressError("x"), Verdict(True)),
        (Disconnected("x"), HARD_SOON),
        (Silent("x"), HARD),
        (BadAnswer("x"), HARD),
        *[(refused(status), HARD_SOON) for status in (500, 502, 503)],
        *[(refused(status), HARD) for status in (408, 425, 501, 504, 520, 529, 530)],
        (refused(503, "server_is_overloaded"), HARD),
        (refused(503, retry_after="7"), Verdict(True, "grows", "failure", True, None, "told", 7)),
        (refused(503, retry_after="0"), Verdict(True, "grows", "failure", True, "soon", "told", 0)),
        (refused(529, retry_after="7"), Verdict(True, "grows", "failure", True, None, "told", 7)),
        (refused(429), Verdict(True, "stays", "failure", False, None, "doubling")),
        (refused(429, retry_after="2"), Verdict(True, "stays", "failure", False, "told", "told", 2)),
        (refused(429, retry_after="900"), Verdict(True, "stays", "failure", False, "told", "told", 300)),
        (refused(429, "insufficient_quota", retry_after="2"), Verdict(True, fault=True, cools="told", cooldown=300)),
        (refused(402), Verdict(True, fault=True, cools="told", cooldown=300)),
        *[(refused(status), Verdict(True, fault=True, cools="third")) for status in (401, 403)],
        (refused(404), Verdict(True)),
        *[(refused(status, retry_after="2"), Verdict(False)) for status in (400, 409, 413, 415, 422)],
        (refused(400, "context_length_exceeded"), Verdict(False)),
        (refused(400, "content_filter"), Verdict(False, run="ends", ratio="success")),
    ],
)
def test_what_follows_from_a_failure(failure: UpstreamFailure, verdict: Verdict) -> None:
    assert judge(failure) == verdict


@pytest.mark.parametrize("failure", [Disconnected("x"), Silent("x"), BadAnswer("x"), refused(500), refused(529)])
def test_what_breaks_after_the_first_content_is_a_hard_failure_and_goes_nowhere(failure: UpstreamFailure) -> None:
    assert judge(failure, after_content=True) == Verdict(False, run="grows", ratio="failure", fault=True)


def test_a_date_is_held_against_the_time() -> None:
    failure = refused(429, retry_after="Tue, 14 Nov 2023 22:13:30 GMT")
    assert judge(failure, wall=1_700_000_000).cooldown == 10
    assert judge(failure).cools == "doubling"
