"""Runs one attempt at one target: sends the request, holds a stream back until its first content, and translates.

The transport pushes the response into `on_head`, `on_body` and `on_end`. A stream is first *held*, until its first content
(`HeldStream`), then *open*: every read is redacted, translated and handed on in the same turn of the event loop, then
*draining*: the rest is read for a moment so that the connection can serve another request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import inf
from typing import TypeVar

from proxy.attempts.call import CallListener, StartCall
from proxy.attempts.keys import record_rate_limits
from proxy.attempts.transform_failures import response_failure, unexpected_failure
from proxy.attempts.translation import opening_failure, response_error, translate_response
from proxy.attempts.upstream_request import upstream_request
from proxy.dialects import DIALECTS
from proxy.errors import EgressError, ParrotError, ResourceExhaustedError
from proxy.exchange import Attempt
from proxy.messages import StreamTransform, Transfer
from proxy.upstream import limits
from proxy.upstream.attempt_timeouts import AttemptTimeouts
from proxy.upstream.held_answer import ANY_CONTENT, HeldAnswer, held_answer
from proxy.upstream.response_buffer import ResponseBuffer
from proxy.upstream.split_transfer import SplitTransfer

T = TypeVar("T")
Before = Callable[[Attempt], Awaitable[None] | None]


class UpstreamCall:
    """One attempt as it runs. Implements `attempts.call.Call` and `messages.ResponseSink`."""

    __slots__ = (
        "_before", "_buffer", "_dialect", "_held", "_is_draining", "_is_open", "_is_over",
        "_is_waiting", "_max_bytes", "_status", "_task", "_timeouts", "_transfer", "_transform", "attempt", "headers", "listener",
    )  # fmt: skip

    def __init__(self, attempt: Attempt, listener: CallListener, before: tuple[Before, ...]) -> None:
        self.attempt = attempt
        self.listener = listener
        self.headers: Mapping[str, str] = {}
        self._before = before
        self._dialect = DIALECTS[attempt.step.target.provider.dialect]
        self._status = self._max_bytes = 0
        self._buffer = ResponseBuffer(attempt.exchange.memory)
        self._timeouts: AttemptTimeouts
        self._held: HeldAnswer | None = None
        self._transform: StreamTransform | None = None
        self._transfer: Transfer | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_open = self._is_over = self._is_draining = self._is_waiting = False

    # Called by the failover run and the relay.

    def start(self) -> None:
        """Run the `before` phases of the attempt and send its request. A phase that has to wait goes on in a task."""
        self._start_from(0)

    def _start_from(self, index: int) -> None:
        try:
            for at in range(index, len(self._before)):
                if (pending := self._before[at](self.attempt)) is not None:
                    self._task = asyncio.ensure_future(self._start_later(pending, at + 1))
                    return
            self._send()
        except Exception as error:  # noqa: BLE001 (of a custom middleware; the request fails with a plain 500)
            self._fail(unexpected_failure(self.attempt, error))

    def pause(self) -> None:
        """Slow the provider down."""
        if self._transfer is not None:
            self._transfer.pause()

    def resume(self) -> None:
        """Read on."""
        if self._transfer is not None:
            self._transfer.resume()

    def abort(self) -> None:
        """Stop at once. The listener is not called again."""
        transfer, task = self._transfer, self._task
        self._end()
        if task is not None:
            task.cancel()
        if transfer is not None:
            transfer.abort()

    def translate_rest(self) -> bytes:
        """Return what the translation held back for the end of the stream."""
        return self._try("stream", self._transform.end) or b"" if self._transform is not None else b""

    def drain(self) -> None:
        """Read the rest without using it, for `DRAIN_TIMEOUT_S` and `MAX_DRAINED_BYTES` at most."""
        if (transfer := self._transfer) is None:
            return
        self._end()
        self._transfer, self._is_draining, self._max_bytes = transfer, True, limits.MAX_DRAINED_BYTES
        transfer.resume()
        deadline = asyncio.get_running_loop().time() + limits.DRAIN_TIMEOUT_S
        transfer.set_timeouts(deadline=deadline, idle_timeout_s=inf)

    async def _start_later(self, pending: Awaitable[None], index: int) -> None:
        go_on = partial(self._start_from, index)
        try:
            await pending
        except Exception as error:  # noqa: BLE001 (as above)
            go_on = partial(self._fail, unexpected_failure(self.attempt, error))
        self._task = None
        if not self._is_over:
            go_on()

    def _send(self) -> None:
        exchange, target = self.attempt.exchange, self.attempt.step.target
        self._timeouts = AttemptTimeouts(self.attempt, asyncio.get_running_loop().time())
        if self.attempt.provider_request.parts:
            self._transfer = SplitTransfer(self.attempt, self, make_start_call(()), self._timeouts.limit_s)
            return
        request = upstream_request(self.attempt, self._dialect)
        self._transfer = exchange.runtime.transport.send(
            request, self, connect_timeout_s=target.timeouts.connect, response_timeout_s=self._timeouts.limit_s
        )
        exchange.begin_upstream_wait(exchange.runtime.clock())
        self._is_waiting = True

    # Called by the transport.

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        """Take status and headers."""
        attempt, self._status = self.attempt, status
        attempt.silence.reads += 1
        self.headers = attempt.headers = attempt.step.target.provider.redactor.redact_headers(headers)
        record_rate_limits(attempt, self.headers)
        if status == 407:
            # Only a forward proxy answers so (RFC 9110, 15.5.8); for a tunnel the dialer sees it.
            self._fail(EgressError("the forward proxy refused the request (407): its credentials are missing or wrong"))
        elif status != 200:
            self._max_bytes = limits.MAX_ERROR_BODY_BYTES
        else:
            self._max_bytes = limits.MAX_RESPONSE_BYTES
            if attempt.exchange.facts.stream or attempt.endpoint in ANY_CONTENT:
                self._held = self._try(
                    "response", partial(held_answer, attempt, self.headers, self._dialect.has_content)
                )

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        self.attempt.silence.reads += 1
        if self._is_open:
            assert self._transform is not None
            try:
                translated = self._transform.feed(data)
            except Exception as error:  # noqa: BLE001 (any exception fails the attempt)
                self.attempt.completion.text_only = False  # some of the text may be recorded, and was not sent
                self._fail(response_failure(self.attempt, "stream", error))
                return
            completion = self.attempt.completion
            if self._timeouts.is_reasoning and completion.length:
                self._timeouts.end_reasoning(self._transfer)
            if translated or completion.done or completion.error or completion.awaits_only_trailer:
                if self._buffer.size:
                    self._buffer.clear()
                self.listener.on_data(self, translated)
            else:
                self._try("stream", partial(self._buffer.count, len(data)))
        elif self._is_draining:
            self._max_bytes -= len(data)
            if self._max_bytes < 0:
                self.abort()
        elif (held := self._held) is not None:
            if (opening := self._try("response", partial(self._feed_held, held, data))) is not None:
                self._open(held, opening, is_last=False)
                if held.take_lifecycle_event() and self._held is held:
                    self._timeouts.extend(self._transfer, asyncio.get_running_loop().time())
        elif not self._is_over:
            self._keep(data)

    def on_end(self) -> None:
        """Take the end of the response."""
        if self._is_over:
            self._transfer = None
        elif self._is_open:
            self._end_stream()
        elif self._held is not None:
            self._end_before_content(self._held)
        else:
            self._complete()

    def on_failure(self, failure: ParrotError) -> None:
        """Take the failure of the transport."""
        if self._is_over:
            self._transfer = None
        elif self._is_open and self.attempt.completion.all_choices_finished:
            self._end_stream()  # nothing of the answer is missing
        else:
            self._fail(self._timeouts.attribute(failure, asyncio.get_running_loop().time()))

    # A complete response.

    def _keep(self, data: bytes) -> None:
        try:
            size = self._buffer.add(data)
            if size > self._max_bytes and self._status == 200:
                raise limits.response_too_large()
        except Exception as error:  # noqa: BLE001 (as below)
            self._fail(response_failure(self.attempt, "response", error))
        else:
            if size > self._max_bytes:
                self._complete()  # the beginning of an error is enough

    def _complete(self) -> None:
        body = self._buffer.take()
        try:
            if self._status != 200:
                raise response_error(self.attempt, self._status, self.headers, body)
            translated = translate_response(self.attempt, body)
        except Exception as error:  # noqa: BLE001 (any exception fails the attempt)
            self._fail(response_failure(self.attempt, "response", error))
            return
        self._end()
        self.listener.on_response(self, translated)

    def _try(self, name: str, work: Callable[[], T]) -> T | None:
        """Return the outcome of a translation, or None if it raises anything, which fails the attempt."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 (any exception fails the attempt)
            self._fail(response_failure(self.attempt, name, error))
            return None

    def _feed_held(self, held: HeldAnswer, data: bytes) -> bytes:
        self._buffer.count(len(data))
        return held.feed(data)

    def _open(self, held: HeldAnswer, translated: bytes, *, is_last: bool) -> None:
        """Begin to hand on, if there is something. An error ahead of any content fails the attempt."""
        completion = self.attempt.completion
        if not (translated or completion.error or completion.done or is_last):
            return
        if (completion.error or not translated) and (failure := opening_failure(self.attempt, translated)) is not None:
            self._fail(failure)
            return
        self._is_open, self._held, self._transform = True, None, held.transform
        self._end_wait()
        self._timeouts.open(self._transfer)
        self.listener.on_content(self, translated)

    def _end_before_content(self, held: HeldAnswer) -> None:
        """End a stream that is still held: its last event may lack the blank line that ends it."""
        if (opening := self._try("response", held.end)) is None:
            return
        self._open(held, opening, is_last=False)
        if self._is_open:
            self._end_stream()
        elif not self._is_over:
            if held.transform is not None and (rest := self._try("stream", held.transform.end)) is not None:
                self._open(held, rest, is_last=True)
            self._finish()

    def _end_stream(self) -> None:
        if rest := self.translate_rest():
            self.listener.on_data(self, rest)
        self._finish()

    def _finish(self) -> None:
        if not self._is_over:
            self._end()
            self.listener.on_end(self)

    def _fail(self, failure: ParrotError) -> None:
        failure.__traceback__ = failure.__context__ = None  # their frames refer to this call
        transfer = self._transfer
        self._end()
        if transfer is not None:
            transfer.abort()
        if isinstance(failure, (ResourceExhaustedError, EgressError)):
            self.attempt.exchange.runtime.telemetry.local_trouble.warn(failure)
        self.listener.on_failure(self, failure)

    def _end(self) -> None:
        self._is_over, self._is_open, self._held = True, False, None
        self._transfer = self._task = None  # they refer to this call: so all are freed by refcount
        self._buffer.clear()
        self._end_wait()

    def _end_wait(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            exchange = self.attempt.exchange
            exchange.end_upstream_wait(exchange.runtime.clock())


def make_start_call(before: tuple[Before, ...]) -> StartCall:
    """Return what makes the calls of a pipeline whose attempts have these `before` phases."""
    return partial(UpstreamCall, before=before)
