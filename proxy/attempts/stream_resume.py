"""Continues a broken stream at another target: which one, from where, and what of its events is new.

How: the text sent so far is the *prefix*. A target with assistant prefill continues from it. Another one answers
from the start. `ResumedStream` takes out of the new events what was sent already, and raises at the first difference.
"""

from __future__ import annotations

from msgspec.structs import replace

from proxy.attempts.keys import with_other_key
from proxy.attempts.planner import FailureCause
from proxy.attempts.spending import tokens_used
from proxy.attempts.starter import AttemptStarter
from proxy.dialects import DIALECTS
from proxy.errors import UpstreamError
from proxy.exchange import Attempt
from proxy.resilience.resume import Prefix, ResumedStream
from proxy.routing.client_request import HUB
from proxy.routing.decision import PlannedTarget


def may_resume(attempt: Attempt) -> bool:
    """Return whether another target may continue this attempt's answer: plain text of one choice, in the hub's format."""
    facts = attempt.exchange.facts
    if attempt.endpoint != HUB:
        return False
    return facts.n == 1 and facts.is_plain_text and attempt.completion.text_only


def release_request(attempt: Attempt, *, is_resumable: bool) -> None:
    """Free what was sent to the provider of a stream that has begun, and the request if no other target may continue it."""
    attempt.provider_request = replace(attempt.provider_request, body=b"")
    if not is_resumable:
        attempt.exchange.forget_body()


class StreamResume:
    """The attempts to continue one stream."""

    __slots__ = ("_broken", "_earlier_usage", "_id", "_prefix", "_starter", "failure")

    def __init__(
        self, broken: Attempt, failure: UpstreamError, starter: AttemptStarter, resumed: ResumedStream | None = None
    ) -> None:
        self.failure = failure
        """Why the stream broke. The caller gets it if no target continues."""
        self._broken = broken
        self._starter = starter
        self._id = broken.completion.id if resumed is None else resumed.id
        self._prefix = Prefix.from_text("".join(broken.completion.text) if resumed is None else resumed.text)
        used, earlier = tokens_used(broken), {} if resumed is None else resumed.earlier_usage
        self._earlier_usage = {name: used[name] + earlier.get(name, 0) for name in used}

    def start_next(self, failed: Attempt) -> Attempt | None:
        """Start the next attempt to continue, after one has failed, or None if there is none."""
        planner, starter = self._starter.planner, self._starter
        is_prefix_refused = failed.prefix is not None and failed.status == 400
        if is_prefix_refused and (again := starter.start(planner.again(failed.step))) is not None:
            return self._in_hub_format(again)  # once more, from the start
        attempt = starter.start(with_other_key(planner, failed))
        if attempt is None:
            cause = FailureCause(self.failure.trigger, failed=self._broken.step)
            attempt = starter.start(planner.elsewhere(cause, lambda step: _can_continue(step, self._prefix)))
        return self._in_hub_format(attempt, can_continue=True)

    def _in_hub_format(self, attempt: Attempt | None, *, can_continue: bool = False) -> Attempt | None:
        """Return the attempt, whose events must be in the format of those that were sent."""
        if attempt is not None:
            attempt.endpoint, attempt.is_translated = self._broken.endpoint, self._broken.is_translated
            if can_continue and _can_continue(attempt.step, self._prefix):
                attempt.prefix = self._prefix
        return attempt

    def continue_with(self, attempt: Attempt) -> ResumedStream:
        """Return what makes the events of this attempt the continuation of the stream."""
        is_prefilled = attempt.prefix is not None
        resumed = ResumedStream.from_prefix(self._prefix, self._id, prefilled=is_prefilled)
        resumed.earlier_usage = self._earlier_usage
        return resumed


def _can_prefill(step: PlannedTarget) -> bool:
    return DIALECTS[step.target.provider.dialect].supports_prefill(step.target.rules_model)


def _can_continue(step: PlannedTarget, prefix: Prefix) -> bool:
    """Return whether to ask for a continuation: a target that may repeat the prefix only if a repetition is recognised."""
    return _can_prefill(step) and (prefix.is_long_enough or not DIALECTS[step.target.provider.dialect].echoes_prefill)
