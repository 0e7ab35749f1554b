"""Decides what follows when no attempt of a request is running any more: the same target, another one, or the caller's error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from proxy.attempts.all_failed import all_failed
from proxy.attempts.keys import with_other_key
from proxy.attempts.limit_reached import limit_reached, with_shortages
from proxy.attempts.planner import AttemptPlanner, FailureCause, RetrySameTarget
from proxy.attempts.refusals import refusal_warning, without_refused
from proxy.attempts.starter import AttemptStarter
from proxy.errors import InvalidRequestError, ParrotError, UpstreamError, UpstreamErrorResponse
from proxy.exchange import Attempt, Exchange
from proxy.resilience.classification import Classification


class FailedAttempt(NamedTuple):
    """An attempt, how it has failed, and what that means."""

    attempt: Attempt
    failure: UpstreamError
    meaning: Classification


Next = Attempt | RetrySameTarget | ParrotError
"""What follows: an attempt, which is started, a retry after a wait, or the error that is the caller's response."""


class Succession(Struct, eq=False):
    """The attempts of one request, one after the other. Those it returns have taken what an attempt needs."""

    _exchange: Exchange
    _planner: AttemptPlanner
    _starter: AttemptStarter
    _failures: list[UpstreamError] = []
    _unsupported: InvalidRequestError | None = None
    _refusal: UpstreamErrorResponse | None = None
    """The error of a model that refused a parameter, after which one other target is tried."""

    def record_failure(self, failure: UpstreamError) -> None:
        """Take the failure of an attempt."""
        self._failures.append(failure)

    def record_unsupported(self, failure: InvalidRequestError) -> None:
        """Take the reason why a target's format cannot express the request."""
        self._unsupported = self._unsupported or failure

    def after(self, failed: Sequence[FailedAttempt]) -> Next:
        """Return what follows these failures, without any the next target after one that cannot express the request."""
        if not failed:
            return self._starter.start(self._planner.after_unsupported()) or self.error()
        if self._refusal is not None:
            return self._refusal
        return (
            self._again_at_once(failed)
            or self._elsewhere_first(failed)
            or self._retry(failed)
            or self.elsewhere(failed)
        )

    def after_wait(self, retry: RetrySameTarget, failed: Sequence[FailedAttempt]) -> Next:
        """Return the retry, or what follows if it may not be made any more."""
        return self._starter.start(self._planner.again(retry.step)) or self.elsewhere(failed)

    def elsewhere(self, failed: Sequence[FailedAttempt]) -> Next:
        """Return an attempt at another target. A failure that another target would have too is the caller's error."""
        if (other := self._start_elsewhere(failed)) is not None:
            return other
        final = next((each for each in failed if not each.meaning.fails_over), None)
        if final is not None:
            return self._start_after_refusal(final) or final.failure
        return self.error()

    def _again_at_once(self, failed: Sequence[FailedAttempt]) -> Attempt | None:
        """Start an attempt without what a target has just refused, or with another key of its pool."""
        for attempt, failure, _ in failed:
            other = self._starter.start_free(without_refused(self._planner, attempt, failure))
            other = other or self._starter.start(with_other_key(self._planner, attempt))
            if other is not None:
                return other
        return None

    def _elsewhere_first(self, failed: Sequence[FailedAttempt]) -> Attempt | None:
        return self._start_elsewhere(failed) if any(each.meaning.elsewhere_first for each in failed) else None

    def _retry(self, failed: Sequence[FailedAttempt]) -> RetrySameTarget | None:
        for attempt, _, meaning in failed:
            if (retry := self._planner.retry_same(attempt, meaning)) is not None:
                self._planner.mark_retry(retry, meaning)
                return retry
        return None

    def _start_elsewhere(self, failed: Sequence[FailedAttempt]) -> Attempt | None:
        """Start an attempt at another target, for the first of these failures that leads to one."""
        for attempt, failure, meaning in failed:
            cause = FailureCause(failure.trigger, meaning.fails_over, attempt.step)
            if (other := self._starter.start(self._planner.elsewhere(cause))) is not None:
                return other
            if not meaning.fails_over:
                break
        return None

    def _start_after_refusal(self, failed: FailedAttempt) -> Attempt | None:
        """Start an attempt at another target if the failure says that this model refuses a parameter."""
        attempt, failure, _ = failed
        if not isinstance(failure, UpstreamErrorResponse) or failure.refused_param is None:
            return None
        if (other := self._starter.start_free(self._planner.after_refusal(attempt.step))) is not None:
            self._refusal = failure
            self._exchange.warnings.append(refusal_warning(attempt, failure.refused_param))
        return other

    def error(self) -> ParrotError:
        """Return the error that says why there is no further attempt."""
        shortages = self._starter.shortages.values()
        if self._exchange.resource is not None and self._failures and self._failures[0].trigger == "not_found":
            return self._failures[0]  # the account's word on what it does not have
        if self._failures:
            return with_shortages(all_failed(self._exchange, self._failures), shortages)
        if shortages:
            return limit_reached(self._exchange.facts.model, shortages)
        assert self._unsupported is not None
        return self._unsupported
