"""Every class of failure has a verdict."""

from __future__ import annotations

import pytest

from proxy.dialects import errors
from proxy.errors import (
    ConnectError,
    EgressError,
    MalformedResponse,
    UpstreamDisconnected,
    UpstreamError,
    UpstreamErrorResponse,
    UpstreamTimeout,
)
from proxy.resilience.classification import CLASSIFICATIONS, Classification, classify


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
    assert classify(UpstreamErrorResponse(400, {"message": "no"}, trigger=trigger)).fails_over is moves_on


@pytest.mark.parametrize("failure", [UpstreamError("x"), ConnectError("x"), UpstreamTimeout("x")])
def test_a_failure_without_an_answer_moves_on(failure: UpstreamError) -> None:
    assert classify(failure).fails_over


def subclasses(kind: type[UpstreamError]) -> set[type[UpstreamError]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_no_status_or_code_leads_to_a_class_without_a_verdict() -> None:
    codes = [None, "unheard_of", *errors._BY_CODE]
    named = {errors.trigger_of(status, code) for status in range(100, 600) for code in codes}
    assert named | {kind.trigger for kind in subclasses(UpstreamError)} <= CLASSIFICATIONS.keys()


def refused(status: int, code: str | None = None, **headers: str) -> UpstreamError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return errors.error_response(status, named, "no", code=code)


HARD = Classification(True, consecutive="increment", counts_as="failure", fault=True)
HARD_SOON = Classification(True, consecutive="increment", counts_as="failure", fault=True, retry_same="jittered")


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (ConnectError("x"), HARD),
        (EgressError("x"), Classification(True)),
        (UpstreamDisconnected("x"), HARD_SOON),
        (UpstreamTimeout("x"), HARD),
        (MalformedResponse("x"), HARD),
        *[(refused(status), HARD_SOON) for status in (500, 502, 503)],
        *[(refused(status), HARD) for status in (408, 425, 501, 504, 520, 529, 530)],
        (refused(503, "server_is_overloaded"), HARD),
        (refused(503, retry_after="7"), Classification(True, "increment", "failure", True, None, "retry_after", 7)),
        (
            refused(503, retry_after="0"),
            Classification(True, "increment", "failure", True, "jittered", "retry_after", 0),
        ),
        (refused(529, retry_after="7"), Classification(True, "increment", "failure", True, None, "retry_after", 7)),
        (refused(429), Classification(True, "keep", "failure", False, None, "exponential")),
        (
            refused(429, retry_after="2"),
            Classification(True, "keep", "failure", False, "retry_after", "retry_after", 2),
        ),
        (
            refused(429, retry_after="900"),
            Classification(True, "keep", "failure", False, "retry_after", "retry_after", 300),
        ),
        (
            refused(429, "insufficient_quota", retry_after="2"),
            Classification(True, fault=True, cooldown_rule="retry_after", cooldown_s=300),
        ),
        (refused(402), Classification(True, fault=True, cooldown_rule="retry_after", cooldown_s=300)),
        *[(refused(status), Classification(True, fault=True, cooldown_rule="third_strike")) for status in (401, 403)],
        (refused(404), Classification(True)),
        *[(refused(status, retry_after="2"), Classification(False)) for status in (400, 409, 413, 415, 422)],
        (refused(400, "context_length_exceeded"), Classification(False)),
        (refused(400, "content_filter"), Classification(False, consecutive="reset", counts_as="success")),
    ],
)
def test_what_follows_from_a_failure(failure: UpstreamError, verdict: Classification) -> None:
    assert classify(failure) == verdict


@pytest.mark.parametrize(
    "failure", [UpstreamDisconnected("x"), UpstreamTimeout("x"), MalformedResponse("x"), refused(500), refused(529)]
)
def test_what_breaks_after_the_first_content_is_a_hard_failure_and_goes_nowhere(failure: UpstreamError) -> None:
    assert classify(failure, after_content=True) == Classification(
        False, consecutive="increment", counts_as="failure", fault=True
    )


def test_a_date_is_held_against_the_time() -> None:
    failure = refused(429, retry_after="Tue, 14 Nov 2023 22:13:30 GMT")
    assert classify(failure, wall=1_700_000_000).cooldown_s == 10
    assert classify(failure).cooldown_rule == "exponential"
