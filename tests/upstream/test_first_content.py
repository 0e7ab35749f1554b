"""How long an attempt has for its first content."""

from __future__ import annotations

import pytest

from proxy.errors import CallerTimeout, ConnectError, ParrotError, ResourceExhaustedError, UpstreamTimeout
from proxy.exchange import Attempt
from proxy.resilience.classification import classify
from proxy.upstream.first_content import FirstContentLimit
from tests.fakes import planned_exchange, start_attempt


def attempt(**changes: float) -> Attempt:
    made = start_attempt(planned_exchange())
    made.first_content_timeout_s = changes.get("own_s")
    return made


def test_a_timeout_past_the_callers_own_limit_fails_over_and_counts_against_nothing() -> None:
    limit = FirstContentLimit(attempt(own_s=2.0), 100.0)
    assert limit.limit_s == 2.0
    failure = limit.attribute(UpstreamTimeout("h did not respond in time"), 102.0)
    assert isinstance(failure, CallerTimeout) and (failure.status, failure.trigger) == (504, "timeout")
    assert failure.message == "h did not respond in time, which the request limits by max_additional_latency_ms"
    classification = classify(failure)
    assert classification.fails_over
    assert (classification.counts_as, classification.consecutive, classification.fault) == (None, "keep", False)


def test_a_timeout_before_the_callers_own_limit_is_the_targets() -> None:
    failure = UpstreamTimeout("h accepted no request data for 1 s")
    assert FirstContentLimit(attempt(own_s=2.0), 100.0).attribute(failure, 101.0) is failure


@pytest.mark.parametrize("failure", [ConnectError("refused"), ResourceExhaustedError("out of resources")])
def test_other_failures_stay_what_they_are(failure: ParrotError) -> None:
    assert FirstContentLimit(attempt(own_s=2.0), 100.0).attribute(failure, 102.0) is failure
