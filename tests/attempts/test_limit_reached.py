"""What the caller is told where the targets that are left are at a limit of ours."""

from __future__ import annotations

import pytest

from proxy.attempts.all_failed import all_failed
from proxy.attempts.limit_reached import limit_reached, with_shortages
from proxy.dialects.errors import error_response
from proxy.resilience.rate_limits import Shortage
from tests.attempts.fixtures import fail, planned


@pytest.mark.parametrize(("waits", "retry_after"), [((40.2, 7.1), "8"), ((0.2,), "1"), ((61.0, 61.0), "61")])
def test_at_the_limits_the_wait_is_until_the_first_target_has_room_in_whole_seconds(waits, retry_after):
    shortages = [Shortage(f"p{number}", "concurrency", wait_s) for number, wait_s in enumerate(waits)]
    error = limit_reached("m", shortages)
    assert (error.status, error.code, error.headers) == (429, "rate_limit_exceeded", {"Retry-After": retry_after})
    assert "routing.yaml" in error.message and "concurrency of p0" in error.message and "'m'" in error.message


@pytest.mark.parametrize(
    ("status", "retry_after", "wait_s", "expected"),
    [
        (429, "30", 12.5, "13"),
        (429, "5", 12.5, "5"),
        (429, None, 12.5, "5"),
        (429, None, 2.5, "3"),
        (500, "5", 12.5, None),
    ],
)
def test_a_target_at_a_limit_may_be_the_first_with_room_after_rate_limits_of_all_others(
    status, retry_after, wait_s, expected
):
    made = planned()
    failure = error_response(status, {"retry-after": retry_after} if retry_after else {}, "")
    fail(made.start_first(), failure)
    error = with_shortages(all_failed(made.exchange, [failure]), [Shortage("b", "concurrency", wait_s)])
    assert error.headers.get("Retry-After") == expected
    assert [each["provider"] for each in error.attempts] == ["a"]
