"""Attempts that end at a limit which is not the provider's."""

from __future__ import annotations

import pytest

from proxy.errors import CallerTimeout, ConnectError, ParrotError, ResourceExhaustedError, UpstreamTimeout
from proxy.resilience.classification import classify
from proxy.upstream.limits import attribute_to_caller, max_held_back_bytes, response_too_large


def test_a_timeout_past_the_callers_own_limit_fails_over_and_counts_against_nothing() -> None:
    failure = attribute_to_caller(UpstreamTimeout("h did not respond in time"))
    assert isinstance(failure, CallerTimeout) and (failure.status, failure.trigger) == (504, "timeout")
    assert failure.message == "h did not respond in time, which the request limits by max_additional_latency_ms"
    classification = classify(failure)
    assert classification.fails_over
    assert (classification.counts_as, classification.consecutive, classification.fault) == (None, "keep", False)


@pytest.mark.parametrize("failure", [ConnectError("refused"), ResourceExhaustedError("out of resources")])
def test_other_failures_stay_what_they_are(failure: ParrotError) -> None:
    assert attribute_to_caller(failure) is failure


def test_the_error_of_a_large_response_says_the_limit() -> None:
    assert response_too_large().message == (
        "the provider's response is over 64 MiB, the limit of a response that is not streamed"
    )


def test_more_is_held_back_of_a_stream_that_repeats_a_large_request() -> None:
    assert max_held_back_bytes(b"") == 65_536
    assert max_held_back_bytes(b"x" * 1000) == 69_536
