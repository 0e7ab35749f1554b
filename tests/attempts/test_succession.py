"""What follows a failure: a retry of the same target, another target, or the error that is the caller's response."""

from __future__ import annotations

import pytest

from proxy.attempts import outcomes
from proxy.attempts.events import Failed
from proxy.attempts.planner import RetrySameTarget
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.succession import FailedAttempt, Next, Succession
from proxy.dialects.errors import error_response
from proxy.errors import AllProvidersFailedError, InvalidRequestError, UpstreamError, UpstreamErrorResponse
from proxy.exchange import Attempt
from tests.attempts.fixtures import Attempts
from tests.fakes import planned_exchange


class Sequel:
    """A request whose attempts fail one after the other."""

    def __init__(self, names: str = "ab", **options: int) -> None:
        made = Attempts(planned_exchange(names), FailoverOptions(**options))  # type: ignore[arg-type]
        self.succession = Succession(made.exchange, made.planner, made.starter)
        self.exchange = made.exchange
        self.following: Next = made.start_first()

    def fail(self, status: int, refused_param: str | None = None) -> Next:
        """Let the attempt that follows fail with an answer of a provider."""
        assert isinstance(self.following, Attempt)
        failure = error_response(status, {}, "no")
        failure.refused_param = refused_param
        return self.after(self.following, failure)

    def after(self, attempt: Attempt, failure: UpstreamError) -> Next:
        failed = FailedAttempt(attempt, failure, outcomes.classify_failure(attempt, failure))
        self.succession.record_failure(failure)
        outcomes.apply(attempt, Failed(failure), FailoverOptions().circuit_breaker)
        self.following = self.succession.after([failed])
        if isinstance(self.following, RetrySameTarget):
            self.following = self.succession.after_wait(self.following, [failed])
        return self.following

    @property
    def tried(self) -> str:
        return "".join(attempt.step.target.provider.name for attempt in self.exchange.attempts)


@pytest.mark.parametrize(
    ("statuses", "tried", "error"),
    [
        ([], "a", None),
        ([500], "aa", None),
        ([504], "ab", None),
        ([504, 504], "ab", AllProvidersFailedError),
        ([400], "a", UpstreamErrorResponse),
        ([504, 400], "ab", UpstreamErrorResponse),
    ],
)
def test_failures_lead_to_a_retry_to_another_target_or_to_an_error(
    statuses: list[int], tried: str, error: type[Exception] | None
) -> None:
    sequel = Sequel()
    for status in statuses:
        sequel.fail(status)
    assert sequel.tried == tried
    assert isinstance(sequel.following, error or Attempt)


def test_a_refused_parameter_leads_to_one_other_target_and_then_to_the_first_refusal() -> None:
    sequel = Sequel("abc")
    first = sequel.fail(400, "top_k")
    assert isinstance(first, Attempt) and sequel.exchange.warnings == ["rejected-by;provider=a;param=top_k"]
    error = sequel.fail(504)
    assert isinstance(error, UpstreamErrorResponse) and error.status == 400 and sequel.tried == "ab"


def test_without_a_failure_the_reason_why_no_target_can_express_the_request_is_the_error() -> None:
    sequel = Sequel("a")
    reason = InvalidRequestError("cannot be expressed", param="x")
    sequel.succession.record_unsupported(reason)
    sequel.succession.record_unsupported(InvalidRequestError("another"))
    assert sequel.succession.after([]) is reason
