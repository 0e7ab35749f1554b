"""An exception in a dialect is a failure of the attempt; the log has the place, and never what the provider sent."""

from __future__ import annotations

import pytest

from proxy.attempts.transform_failures import request_failure, response_failure
from proxy.errors import InvalidRequestError, MalformedResponse, UpstreamDisconnected
from proxy.sse import EventTooLargeError
from tests.fakes import ANSWER, CANARIES, PROVIDER_KEY, MemoryLog, exchange_with_attempt


def started():
    log = MemoryLog()
    return exchange_with_attempt(log=log).winning_attempt, log


def broken():
    return {}[f"{ANSWER} {PROVIDER_KEY}"]


def exception_of(function):
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


def test_an_exception_in_a_response_is_a_malformed_response_logged_without_its_message():
    attempt, log = started()
    failure = response_failure(attempt, "response", exception_of(broken))
    assert isinstance(failure, MalformedResponse) and "cannot be translated" in failure.message
    [line] = log.lines
    named = ("event", "level", "request_id", "target", "transform", "error")
    assert [line[name] for name in named] == [
        "transform_failed", "error", "req-1", attempt.step.target.id, "response", "KeyError",
    ]  # fmt: skip
    assert "in broken" in line["traceback"]
    assert not [canary for canary in CANARIES if canary in log.text + failure.body().decode()]


def test_an_exception_in_a_request_excludes_the_target():
    attempt, log = started()
    failure = request_failure(attempt, "request", exception_of(broken))
    assert isinstance(failure, InvalidRequestError) and failure.message.endswith("cannot be translated for a")
    assert [line["transform"] for line in log.lines] == ["request"]


@pytest.mark.parametrize("failure", [response_failure, request_failure])
def test_a_parrot_error_passes_unchanged_and_is_not_logged(failure):
    attempt, log = started()
    error = UpstreamDisconnected("cut")
    assert failure(attempt, "response", error) is error and not log.lines


def test_an_event_that_is_too_large_is_malformed_and_not_logged():
    attempt, log = started()
    assert "over 8 bytes" in response_failure(attempt, "stream", EventTooLargeError("an event is over 8 bytes")).message
    assert not log.lines
