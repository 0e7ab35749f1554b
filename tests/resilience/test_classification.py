"""Every class of failure has a classification."""

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
    ("trigger", "fails_over"),
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
def test_a_failure_fails_over_unless_it_is_the_callers(trigger: str, fails_over: bool) -> None:
    assert classify(UpstreamErrorResponse(400, {"message": "no"}, trigger=trigger)).fails_over is fails_over


@pytest.mark.parametrize("failure", [UpstreamError("x"), ConnectError("x"), UpstreamTimeout("x")])
def test_a_failure_without_a_response_fails_over(failure: UpstreamError) -> None:
    assert classify(failure).fails_over


def subclasses(kind: type[UpstreamError]) -> set[type[UpstreamError]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_every_status_and_code_has_a_classification() -> None:
    codes = [None, "unknown_code", *errors._BY_CODE]
    named = {errors.trigger_of(status, code) for status in range(100, 600) for code in codes}
    assert named | {kind.trigger for kind in subclasses(UpstreamError)} <= CLASSIFICATIONS.keys()


def refused(status: int, code: str | None = None, **headers: str) -> UpstreamError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return errors.error_response(status, named, "no", code=code)


FAULT = Classification(True, consecutive="increment", counts_as="failure", fault=True)
FAULT_WITH_RETRY = Classification(True, consecutive="increment", counts_as="failure", fault=True, retry_same="jittered")


@pytest.mark.parametrize(
    ("failure", "classification"),
    [
        (ConnectError("x"), FAULT),
        (EgressError("x"), Classification(True)),
        (UpstreamDisconnected("x"), FAULT_WITH_RETRY),
        (UpstreamTimeout("x"), FAULT),
        (MalformedResponse("x"), FAULT),
        *[(refused(status), FAULT_WITH_RETRY) for status in (500, 502, 503)],
        *[(refused(status), FAULT) for status in (408, 425, 501, 504, 520, 529, 530)],
        (refused(503, "server_is_overloaded"), FAULT),
        (refused(503, retry_after="7"), Classification(True, "increment", "failure", True, None, "retry_after", 7)),
        (
            refused(503, retry_after="0"),
            Classification(True, "increment", "failure", True, "jittered", "retry_after", 0),
        ),
        (
            refused(503, retry_after_ms="300"),
            Classification(True, "increment", "failure", True, "jittered", "retry_after", 0.3),
        ),
        (
            refused(503, retry_after_ms="400"),
            Classification(True, "increment", "failure", True, None, "retry_after", 0.4),
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
def test_each_failure_is_classified(failure: UpstreamError, classification: Classification) -> None:
    assert classify(failure) == classification


@pytest.mark.parametrize(
    "failure", [UpstreamDisconnected("x"), UpstreamTimeout("x"), MalformedResponse("x"), refused(500), refused(529)]
)
def test_a_failure_after_the_first_content_is_a_fault_without_failover_or_retry(failure: UpstreamError) -> None:
    assert classify(failure, after_content=True) == Classification(
        False, consecutive="increment", counts_as="failure", fault=True
    )


def test_a_retry_after_date_is_compared_with_the_time() -> None:
    failure = refused(429, retry_after="Tue, 14 Nov 2023 22:13:30 GMT")
    assert classify(failure, wall=1_700_000_000).cooldown_s == 10
    assert classify(failure).cooldown_rule == "exponential"
