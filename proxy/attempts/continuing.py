"""A stream that goes on elsewhere where it was cut; nothing is sent twice, or sold as whole that is not."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from proxy.attempts import settle
from proxy.attempts.settings import Settings
from proxy.attempts.transform_failures import response_failure
from proxy.attempts.walk import Cause, Walk
from proxy.dialects import DIALECTS
from proxy.dialects.faults import message_in, told
from proxy.dialects.openai.events import error_of
from proxy.dialects.parse import parse_or_none
from proxy.dialects.shapes import object_of
from proxy.errors import (
    Disconnected,
    InvalidRequest,
    ParrotError,
    ResourceExhaustedError,
    Silent,
    UpstreamFailure,
)
from proxy.exchange import Attempt, Handler
from proxy.messages import Body
from proxy.resilience.overlap import Differs
from proxy.resilience.resume import Prefix, Resumed, resumable
from proxy.routing.decision import Step
from proxy.sse import data_of, encode, frames


class Continuing:
    """The answer's body, from the attempt that began it and at most one that goes on."""

    def __init__(self, attempt: Attempt, body: Body, walk: Walk, handler: Handler[Attempt]) -> None:
        self._attempt = attempt
        self._body = body
        self._walk = walk
        self._handler = handler
        self._settings: Settings = walk.settings
        self._clock = attempt.exchange.services.clock
        self._resumed: Resumed | None = None
        self._taking_over: asyncio.Task[bool] | None = None
        self._failure: UpstreamFailure | None = None
        self._length = 0
        self._silence = 0.0
        self._closed = False

    async def read(self) -> bytes:
        while True:
            if self._failure is not None and (last := await self._go_on(self._failure)):
                return last
            began = self._clock()
            try:
                if self._silence:
                    self._listen()
                data = await self._body.read()
                self._check(data, began)
            except UpstreamFailure as failure:
                if before := self._broke(failure):
                    return before
                continue
            except asyncio.CancelledError:
                self._silence += self._clock() - began
                raise
            if self._resumed is None or not data or (data := self._passed(data)):
                return data

    def close(self) -> None:
        self._closed = True
        if self._taking_over is not None:
            self._taking_over.cancel()
        self._body.close()

    def _listen(self) -> None:
        target = self._attempt.step.target
        if self._silence > target.timeouts.content_idle:
            raise Silent(f"{target.id} sent nothing but pings for too long")

    def _check(self, data: bytes, began: float) -> None:
        """Raises where the answer broke: cut, or an error in it.

        The time we wait for content counts, from `began` on; that in which the caller takes what came does not."""
        seen = self._attempt.answer
        if seen.error:
            raise _Told(data)
        if not data and not seen.complete:
            name = self._attempt.step.target.provider.name
            raise Disconnected(f"{name} ended the stream before the answer was whole")
        if seen.length != self._length or seen.complete or (not seen.plain and b"data:" in data):
            self._length, self._silence = seen.length, 0.0
        else:
            self._silence += self._clock() - began

    def _broke(self, failure: UpstreamFailure) -> bytes:
        """What still came before the break, if another may go on from there; else the end: told, or raised."""
        self._body.close()
        if self._attempt.answer.all_choices_finished:
            raise failure  # nothing of the answer is missing
        if self._closed:
            settle.abandoned(self._attempt)
            raise failure
        settle.failed(self._attempt, failure, self._settings.circuit_breaker)
        if not self._may_go_on():
            return self._ended(failure)
        self._failure = failure
        self._attempt.answer.error = False  # the error is not the answer's last word yet
        return failure.before if isinstance(failure, _Told) else b""

    def _may_go_on(self) -> bool:
        facts, body = self._attempt.exchange.facts, self._attempt.exchange.body
        allowed = self._settings.resume == "auto" and facts.endpoint == "chat" and self._resumed is None
        return allowed and resumable(body, facts.n, self._attempt.answer)

    def _ended(self, failure: UpstreamFailure) -> bytes:
        """Nobody goes on: the provider's own error event passes, anything else is raised."""
        if isinstance(failure, _Told):
            return self._passed(failure.before) + failure.last
        raise failure

    async def _go_on(self, failure: UpstreamFailure) -> bytes:
        """Puts another target's answer in the place of the rest; else the end, told or raised. May be called again."""
        if self._taking_over is None:
            seen = self._attempt.answer
            prefix, cause = Prefix.of("".join(seen.text)), Cause(failure.trigger, failed=self._attempt.step)
            self._taking_over = asyncio.create_task(self._taken_over(prefix, cause))
        try:
            taken = await asyncio.shield(self._taking_over)
        except asyncio.CancelledError:
            if self._closed and self._taking_over.cancelled():
                raise failure from None  # it was let go of while somebody was reading; the reader goes on
            raise
        self._failure = self._taking_over = None
        self._attempt.exchange.services.tally.resumes["taken" if taken else "nobody"] += 1
        if taken:
            return b""
        if isinstance(failure, _Told):
            self._attempt.answer.error = True
            return failure.last
        raise failure

    async def _taken_over(self, prefix: Prefix, cause: Cause) -> bool:
        """Another target answers: from the prefix where it takes one, else from the beginning."""
        while (attempt := self._walk.elsewhere(cause, _prefilled)) is not None:
            attempt.prefix = prefix if _goes_on(attempt.step, prefix) else None
            if await self._tried(attempt, prefix):
                return True
            again = self._walk.repeat(attempt.step) if attempt.prefix and attempt.status == 400 else None
            if again is not None and await self._tried(again, prefix):
                return True
        return False

    async def _tried(self, attempt: Attempt, prefix: Prefix) -> bool:
        try:
            response = await self._handler(attempt)
        except UpstreamFailure as failure:
            settle.failed(attempt, failure, self._settings.circuit_breaker)
            return False
        except InvalidRequest:
            settle.withdrawn(attempt)
            return False
        except ResourceExhaustedError:
            settle.abandoned(attempt)
            return False
        except BaseException:
            settle.abandoned(attempt)
            raise
        settle.began(attempt)
        assert not isinstance(response.body, bytes)
        self._resumed = Resumed.of(prefix, self._attempt.answer.id, prefilled=attempt.prefix is not None)
        self._attempt = attempt.exchange.serving = attempt
        self._body, self._length, self._silence = response.body, 0, 0.0
        return True

    def _passed(self, data: bytes) -> bytes:
        """The frames as the caller gets them; where the new answer is another one, an error event ends it."""
        if self._resumed is None:
            return data
        try:
            return b"".join(map(self._resumed.frame, frames(data)))
        except Differs:
            self._attempt.exchange.services.tally.resumes["differed"] += 1
            error: ParrotError = Disconnected("the answer was cut, and another target's is not the same")
        except Exception as raised:  # noqa: BLE001 (whatever it is, the stream ends with an error event)
            error = response_failure(self._attempt, "resume", raised)
        self._body.close()
        settle.abandoned(self._attempt)
        self._attempt.answer.error = True
        self._attempt.exchange.outcome = error.outcome
        return encode(orjson.dumps({"error": error.members()}))


def _prefilled(step: Step) -> bool:
    return DIALECTS[step.target.provider.dialect].prefill(step.target.model)


def _goes_on(step: Step, prefix: Prefix) -> bool:
    """Whether it is asked to go on; one that may repeat the beginning only where a repetition is known for one."""
    return _prefilled(step) and (prefix.enough or not DIALECTS[step.target.provider.dialect].echoes)


class _Told(UpstreamFailure):
    """The provider said itself, in the stream, that it cannot go on."""

    def __init__(self, data: bytes) -> None:
        *before, self.last = frames(data) or [b""]
        members = _members(self.last)
        super().__init__(message_in(members) or "the provider broke off with an error")
        self.before = b"".join(before)
        self.trigger = told(members).trigger


def _members(frame: bytes) -> dict[str, Any]:
    """What an error event says."""
    error = error_of(object_of(parse_or_none(data_of(frame) or b"")))
    return error if isinstance(error, dict) else {"message": message_in(error)}
