"""Sends what a provider does not take at once as several requests, a few at a time, and joins their answers.

To the call of the attempt it is one transfer: its response is the JSON array of the parts' translated answers, or the
first failure of a part, which ends the others. So an attempt succeeds or fails as a whole, whatever it consists of.
"""

from __future__ import annotations

import asyncio
import dataclasses

from msgspec import structs

from proxy.attempts.call import Call, StartCall
from proxy.config.units import Seconds
from proxy.dialects.contract import ProviderRequest
from proxy.errors import ParrotError
from proxy.exchange import Attempt
from proxy.messages import CompletionState, ResponseSink
from proxy.upstream import limits
from proxy.upstream.response_buffer import ResponseBuffer

MAX_CONCURRENT = 4
"""Requests of one attempt that are under way at a time."""


class SplitTransfer:
    """The parts of one attempt. Implements `messages.Transfer`, and `attempts.call.CallListener` for the parts' calls.

    Each part is an attempt of its own to its call only: everything else knows the one that it belongs to.
    """

    def __init__(self, attempt: Attempt, sink: ResponseSink, start_call: StartCall, limit_s: float) -> None:
        self._attempt = attempt
        self._sink = sink
        self._start_call = start_call
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + limit_s
        self._waiting = list(enumerate(attempt.provider_request.parts))[::-1]
        self._running: dict[Call, int] = {}
        self._answers = [b""] * len(self._waiting)
        self._usage: dict[str, int] = {}
        self._is_counted = True
        self._is_over = False
        self._headers: dict[str, str] = {}
        self._buffer = ResponseBuffer(attempt.exchange.memory)
        self._first = self._loop.call_soon(self._start_next)

    # Called by the attempt's call.

    def pause(self) -> None:
        """Stop reading."""
        for call in self._running:
            call.pause()

    def resume(self) -> None:
        """Read again."""
        for call in self._running:
            call.resume()

    def set_timeouts(self, *, deadline: float, idle_timeout_s: float) -> None:
        """Do nothing: only streams change their timeouts."""

    def abort(self) -> None:
        """Stop all parts."""
        self._first.cancel()
        self._is_over = True
        running, self._running = self._running, {}
        self._waiting.clear()
        for call in running:
            call.abort()
        self._buffer.clear()

    # Called by the calls of the parts.

    def on_response(self, call: Call, body: bytes) -> None:
        """Keep the answer of a part, and send the next one."""
        self._answers[self._running.pop(call)] = body
        self._headers = dict(call.headers)
        self._add_usage(call.attempt.completion)
        try:
            if self._buffer.count(len(body)) > limits.MAX_RESPONSE_BYTES:
                raise limits.response_too_large()
        except ParrotError as error:
            self.on_failure(call, error)
            return
        self._start_next()
        if not self._running and not self._is_over:
            self._complete()

    def on_failure(self, call: Call, failure: ParrotError) -> None:
        """End all parts with the failure of one."""
        self._running.pop(call, None)
        self.abort()
        self._sink.on_failure(failure)

    def on_content(self, call: Call, data: bytes) -> None:
        """Unreachable: parts have complete responses."""
        raise AssertionError

    def on_data(self, call: Call, data: bytes) -> None:
        """Unreachable, as `on_content`."""
        raise AssertionError

    def on_end(self, call: Call) -> None:
        """Unreachable, as `on_content`."""
        raise AssertionError

    def _start_next(self) -> None:
        while self._waiting and len(self._running) < MAX_CONCURRENT:
            index, request = self._waiting.pop()
            if index:  # the first is the one that the attempt has reserved
                self._attempt.reservation.count_request(self._attempt.exchange.runtime.clock())
            call = self._start_call(self._part(request), self)
            self._running[call] = index
            call.start()

    def _part(self, request: ProviderRequest) -> Attempt:
        """Return the attempt of a part, with what is left of the time."""
        step = self._attempt.step
        left = Seconds(max(self._deadline - self._loop.time(), 0.001))
        target = dataclasses.replace(step.target, timeouts=structs.replace(step.target.timeouts, response=left))
        return structs.replace(
            self._attempt,
            step=structs.replace(step, target=target),
            provider_request=request,
            completion=CompletionState(),
            first_content_timeout_s=None,
            is_part=True,
        )

    def _add_usage(self, part: CompletionState) -> None:
        """Add up what the parts have used, which is not known if that of one of them is not."""
        if part.usage is None:
            self._is_counted = False
        else:
            self._usage = {name: self._usage.get(name, 0) + count for name, count in part.usage.items()}
        whole = self._attempt.completion
        whole.model, whole.usage = part.model, self._usage if self._is_counted else None

    def _complete(self) -> None:
        joined = b"".join((b"[", b",".join(self._answers), b"]"))
        self._answers.clear()
        self._buffer.clear()
        self._attempt.completion.done = True
        self._sink.on_head(200, self._headers)
        self._sink.on_body(joined)
        self._sink.on_end()
