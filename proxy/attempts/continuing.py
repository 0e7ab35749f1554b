"""A stream that goes on at another target where it was cut; nothing is sent twice, and nothing sold as whole that is not."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.attempts import settle
from proxy.attempts.settings import Settings
from proxy.attempts.walk import Walk
from proxy.dialects import DIALECTS
from proxy.errors import Disconnected, Silent, UpstreamFailure
from proxy.exchange import Attempt, Handler
from proxy.messages import Body
from proxy.resilience.overlap import Differs, Overlap
from proxy.resilience.resume import Prefix, resumable
from proxy.sse import Framer, decode, encode


class Continuing:
    """The answer's body, from the attempt that began it and at most one that goes on."""

    def __init__(self, attempt: Attempt, body: Body, walk: Walk, handler: Handler[Attempt]) -> None:
        self._attempt = attempt
        self._body = body
        self._walk = walk
        self._handler = handler
        self._settings: Settings = walk.settings
        self._resumed = False
        self._closed = False
        self._framer = Framer()
        self._overlap = Overlap("")
        self._id: str | None = None
        self._length = 0
        self._heard = attempt.exchange.services.clock()

    async def read(self) -> bytes:
        while True:
            try:
                data = await self._body.read()
                self._check(data)
                if not self._resumed:
                    return data
                if not data or (passed := self._again(data)):
                    return data and passed
            except UpstreamFailure as failure:
                before = await self._go_on(failure)
                if before:
                    return before

    def close(self) -> None:
        """A read under way ends with Disconnected, and nobody goes on."""
        self._closed = True
        self._body.close()

    def _check(self, data: bytes) -> None:
        """Raises where the answer broke: cut, an error in it, or nothing but pings for too long."""
        seen, clock = self._attempt.answer, self._attempt.exchange.services.clock
        if seen.error:
            raise _Told(data)
        if not data and not seen.complete:
            raise Disconnected(
                f"{self._attempt.step.target.provider.name} ended the stream before the answer was whole"
            )
        if seen.length != self._length or not seen.plain or seen.complete:
            self._length, self._heard = seen.length, clock()
        elif clock() - self._heard > self._attempt.step.target.timeouts.content_idle:
            raise Silent(f"{self._attempt.step.target.id} sent nothing but pings for too long")

    async def _go_on(self, failure: UpstreamFailure) -> bytes:
        """Puts another target's answer in the place of the rest; what came before an error is given back."""
        if self._closed:
            raise failure  # it was cut on our side: no fault of the provider's, and nothing to mend
        seen = self._attempt.answer
        settle.failed(self._attempt, failure, self._settings.circuit_breaker)
        self._body.close()
        facts, body = self._attempt.exchange.facts, self._attempt.exchange.body
        allowed = self._settings.resume == "auto" and facts.endpoint == "chat" and not self._resumed
        if not (allowed and resumable(body, facts.n, seen)):
            return _broken(failure)
        prefix = Prefix.of("".join(seen.text))
        if not await self._taken_over(prefix):
            return _broken(failure)
        self._resumed, self._id = True, seen.id
        return failure.before if isinstance(failure, _Told) else b""

    async def _taken_over(self, prefix: Prefix) -> bool:
        """Another target answers: from the prefix where it takes one, else from the beginning."""
        while (attempt := self._walk.other()) is not None:
            target = attempt.step.target
            prefilled = DIALECTS[target.provider.dialect].prefill(target.model)
            attempt.prefix = prefix if prefilled else None
            if await self._tried(attempt, prefix):
                return True
            again = self._walk.repeat(attempt) if prefilled and attempt.status == 400 else None
            if again is not None and await self._tried(again, prefix):
                return True
        return False

    async def _tried(self, attempt: Attempt, prefix: Prefix) -> bool:
        try:
            response = await self._handler(attempt)
        except UpstreamFailure as failure:
            settle.failed(attempt, failure, self._settings.circuit_breaker)
            return False
        except BaseException:
            settle.abandoned(attempt)
            raise
        settle.began(attempt)
        assert not isinstance(response.body, bytes)
        again = prefix.sent + prefix.trimmed
        self._overlap = Overlap(prefix.trimmed, strict=False) if attempt.prefix else Overlap(again)
        self._attempt = attempt.exchange.serving = attempt
        self._body = response.body
        return True

    def _again(self, data: bytes) -> bytes:
        """The new answer's frames as a continuation of the old one's."""
        return b"".join(map(self._frame, self._framer.feed(data)))

    def _frame(self, frame: bytes) -> bytes:
        data = decode(frame).data
        if data is None or data == b"[DONE]":
            return frame
        chunk: dict[str, Any] = orjson.loads(data)
        if self._id:
            chunk["id"] = self._id
        for choice in chunk.get("choices") or ():
            if not self._says(choice):
                return b""
        return encode(orjson.dumps(chunk))

    def _says(self, choice: dict[str, Any]) -> bool:
        """Takes out what was said already; whether anything is left."""
        delta, finish = choice.get("delta") or {}, choice.get("finish_reason")
        delta.pop("role", None)
        try:
            if delta.get("content"):
                delta["content"] = self._overlap.new(delta["content"])
            if finish:
                self._overlap.end()
        except Differs:
            raise Disconnected("the answer was cut, and another target's is not the same") from None
        return bool(finish or any(delta.values()))


class _Told(UpstreamFailure):
    """The provider said itself, in the stream, that it cannot go on."""

    code = "upstream_error"
    trigger = "server_error"

    def __init__(self, data: bytes) -> None:
        *before, last = Framer().feed(data)
        event = decode(last).data
        members = orjson.loads(event or b"{}").get("error") if event else None
        said = members.get("message") if isinstance(members, dict) else None
        super().__init__(str(said or "the provider broke off with an error"))
        self.before, self.whole = b"".join(before), data


def _broken(failure: UpstreamFailure) -> bytes:
    """Nobody goes on: the provider's own error event passes, anything else is raised."""
    if isinstance(failure, _Told):
        return failure.whole
    raise failure
