"""What the caller is told where every attempt has failed."""

from __future__ import annotations

import pytest

from proxy.attempts.all_failed import all_failed
from proxy.dialects.errors import error_response
from tests.attempts.fixtures import fail, planned


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        ((429, 429), 429, "rate_limit_exceeded"),
        ((500, 500), 502, "all_providers_failed"),
        ((429, 500), 502, "all_providers_failed"),
        ((529, 529), 503, "server_is_overloaded"),
    ],
)
def test_failures_of_one_kind_have_its_status_and_the_attempts_are_listed(statuses, status, code):
    made = planned()
    failures = [error_response(each, {}, "no") for each in statuses]
    attempt = made.start_first()
    made.start_elsewhere(fail(attempt, failures[0])[1])
    fail(made.exchange.attempts[1], failures[1])
    error = all_failed(made.exchange, failures)
    assert (error.status, error.code) == (status, code)
    assert [each["provider"] for each in error.members()["attempts"]] == ["a", "b"]
