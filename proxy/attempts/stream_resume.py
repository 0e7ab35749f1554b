"""A stream that goes on elsewhere where it was cut; nothing is sent twice, or sold as whole that is not."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from proxy.attempts import outcomes
from proxy.attempts.planner import AttemptPlanner, FailureCause
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.transform_failures import response_failure
from proxy.dialects import DIALECTS
from proxy.dialects.coerce import object_of
from proxy.dialects.errors import error_from_stream, message_from_value
from proxy.dialects.hub.events import error_of
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import (
    InvalidRequestError,
    ParrotError,
    ResourceExhaustedError,
    UpstreamDisconnected,
    UpstreamError,
    UpstreamTimeout,
)
from proxy.exchange import Attempt, Handler
from proxy.messages import Body
from proxy.resilience.resume import Prefix, ResumedStream, is_resumable
from proxy.resilience.resume_dedup import ResumeMismatchError
from proxy.routing.decision import PlannedTarget
from proxy.sse import data_of, encode, split_frames


class ResumableStream:
    """The answer's body, from the attempt that began it and at most one that goes on."""

    def __init__(self, attempt: Attempt, body: Body, walk: AttemptPlanner, handler: Handler[Attempt]) -> None:
        self._attempt = attempt
        self._body = body
        self._planner = walk
        self._handler = handler
        self._settings: FailoverOptions = walk.settings
        self._clock = attempt.exchange.runtime.clock
        self._resumed: ResumedStream | None = None
        self._resume_task: asyncio.Task[bool] | None = None
        self._failure: UpstreamError | None = None
        self._length = 0
        self._silence = 0.0
        self._closed = False

    async def read(self) -> bytes:
        while True:
            if self._failure is not None and (last := await self._resume(self._failure)):
                return last
            began = self._clock()
            try:
                if self._silence:
                    self._check_content_idle()
                data = await self._body.read()
                self._check(data, began)
            except UpstreamError as failure:
                if before := self._on_break(failure):
                    return before
                continue
            except asyncio.CancelledError:
                self._silence += self._clock() - began
                raise
            if self._resumed is None or not data or (data := self._passed(data)):
                return data

    def close(self) -> None:
        self._closed = True
        if self._resume_task is not None:
            self._resume_task.cancel()
        self._body.close()

    def _check_content_idle(self) -> None:
        target = self._attempt.step.target
        if self._silence > target.timeouts.content_idle:
            raise UpstreamTimeout(f"{target.id} sent nothing but pings for too long")

    def _check(self, data: bytes, began: float) -> None:
        """Raises where the answer broke: cut, or an error in it.

        The time we wait for content counts, from `record_started` on; that in which the caller takes what came does not.
        """
        seen = self._attempt.completion
        if seen.error:
            raise _InStreamError(data)
        if not data and not seen.complete:
            name = self._attempt.step.target.provider.name
            raise UpstreamDisconnected(f"{name} ended the stream before the answer was whole")
        if seen.length != self._length or seen.complete or (not seen.text_only and b"data:" in data):
            self._length, self._silence = seen.length, 0.0
        else:
            self._silence += self._clock() - began

    def _on_break(self, failure: UpstreamError) -> bytes:
        """What still came before the break, if another may go on from there; else the end: told, or raised."""
        self._body.close()
        if self._attempt.completion.all_choices_finished:
            raise failure  # nothing of the answer is missing
        if self._closed:
            outcomes.record_cancelled(self._attempt)
            raise failure
        outcomes.record_failure(self._attempt, failure, self._settings.circuit_breaker)
        if not self._may_go_on():
            return self._ended(failure)
        self._failure = failure
        self._attempt.completion.error = False  # the error is not the answer's last word yet
        return failure.before if isinstance(failure, _InStreamError) else b""

    def _may_go_on(self) -> bool:
        facts, body = self._attempt.exchange.facts, self._attempt.exchange.body
        allowed = self._settings.resume == "auto" and facts.endpoint == "chat" and self._resumed is None
        return allowed and is_resumable(body, facts.n, self._attempt.completion)

    def _ended(self, failure: UpstreamError) -> bytes:
        """Nobody goes on: the provider's own error event passes, anything else is raised."""
        if isinstance(failure, _InStreamError):
            return self._passed(failure.before) + failure.last
        raise failure

    async def _resume(self, failure: UpstreamError) -> bytes:
        """Puts another target's answer in the place of the rest; else the end, told or raised. May be called again."""
        if self._resume_task is None:
            seen = self._attempt.completion
            prefix, cause = (
                Prefix.from_text("".join(seen.text)),
                FailureCause(failure.trigger, failed=self._attempt.step),
            )
            self._resume_task = asyncio.create_task(self._try_targets(prefix, cause))
        try:
            taken = await asyncio.shield(self._resume_task)
        except asyncio.CancelledError:
            if self._closed and self._resume_task.cancelled():
                raise failure from None  # it was let go of while somebody was reading; the reader goes on
            raise
        self._failure = self._resume_task = None
        self._attempt.exchange.runtime.counters.resumes["resumed" if taken else "no_target"] += 1
        if taken:
            return b""
        if isinstance(failure, _InStreamError):
            self._attempt.completion.error = True
            return failure.last
        raise failure

    async def _try_targets(self, prefix: Prefix, cause: FailureCause) -> bool:
        """Another target answers: from the prefix where it takes one, else from the beginning."""
        while (attempt := self._planner.start_elsewhere(cause, _can_prefill)) is not None:
            attempt.prefix = prefix if _can_resume_at(attempt.step, prefix) else None
            if await self._try_target(attempt, prefix):
                return True
            again = self._planner.start_retry(attempt.step) if attempt.prefix and attempt.status == 400 else None
            if again is not None and await self._try_target(again, prefix):
                return True
        return False

    async def _try_target(self, attempt: Attempt, prefix: Prefix) -> bool:
        try:
            response = await self._handler(attempt)
        except UpstreamError as failure:
            outcomes.record_failure(attempt, failure, self._settings.circuit_breaker)
            return False
        except InvalidRequestError:
            outcomes.discard(attempt)
            return False
        except ResourceExhaustedError:
            outcomes.record_cancelled(attempt)
            return False
        except BaseException:
            outcomes.record_cancelled(attempt)
            raise
        outcomes.record_started(attempt)
        assert not isinstance(response.body, bytes)
        self._resumed = ResumedStream.from_prefix(
            prefix, self._attempt.completion.id, prefilled=attempt.prefix is not None
        )
        self._attempt = attempt.exchange.winning_attempt = attempt
        self._body, self._length, self._silence = response.body, 0, 0.0
        return True

    def _passed(self, data: bytes) -> bytes:
        """The frames as the caller gets them; where the new answer is another one, an error event ends it."""
        if self._resumed is None:
            return data
        try:
            return b"".join(map(self._resumed.transform_frame, split_frames(data)))
        except ResumeMismatchError:
            self._attempt.exchange.runtime.counters.resumes["mismatch"] += 1
            error: ParrotError = UpstreamDisconnected("the answer was cut, and another target's is not the same")
        except Exception as raised:  # noqa: BLE001 (whatever it is, the stream ends with an error event)
            error = response_failure(self._attempt, "resume", raised)
        self._body.close()
        outcomes.record_cancelled(self._attempt)
        self._attempt.completion.error = True
        self._attempt.exchange.outcome = error.outcome
        return encode(orjson.dumps({"error": error.members()}))


def _can_prefill(step: PlannedTarget) -> bool:
    return DIALECTS[step.target.provider.dialect].supports_prefill(step.target.model)


def _can_resume_at(step: PlannedTarget, prefix: Prefix) -> bool:
    """Whether it is asked to go on; one that may repeat the beginning only where a repetition is known for one."""
    return _can_prefill(step) and (prefix.is_long_enough or not DIALECTS[step.target.provider.dialect].echoes_prefill)


class _InStreamError(UpstreamError):
    """The provider said itself, in the stream, that it cannot go on."""

    def __init__(self, data: bytes) -> None:
        *before, self.last = split_frames(data) or [b""]
        members = _members(self.last)
        super().__init__(message_from_value(members) or "the provider broke off with an error")
        self.before = b"".join(before)
        self.trigger = error_from_stream(members).trigger


def _members(frame: bytes) -> dict[str, Any]:
    """What an error event says."""
    error = error_of(object_of(parse_or_none(data_of(frame) or b"")))
    return error if isinstance(error, dict) else {"message": message_from_value(error)}
