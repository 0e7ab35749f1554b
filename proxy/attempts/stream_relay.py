"""Relays the winner's stream to the caller, and continues it at another target where it breaks.

When the stream breaks, other targets are tried one after the other (`stream_resume`). The first that has content becomes the
source behind the same caller. If its text differs from what was sent, or no target can continue, the caller gets an error
event and no terminal event.
"""

from __future__ import annotations

import asyncio
from math import inf

from proxy.attempts import outcomes
from proxy.attempts.call import Call, StartCall, StreamWriter, ends_request_on_exception
from proxy.attempts.client_stream import client_stream
from proxy.attempts.events import AttemptEvent, Cancelled, Completed, ContentReceived, Discarded, Failed
from proxy.attempts.starter import AttemptStarter
from proxy.attempts.stream_deadlines import StreamDeadlines
from proxy.attempts.stream_error import StreamError
from proxy.attempts.stream_resume import StreamResume, may_resume, release_request
from proxy.attempts.transform_failures import response_failure
from proxy.errors import InvalidRequestError, ParrotError, UpstreamDisconnected, UpstreamError, UpstreamTimeout
from proxy.exchange import Attempt
from proxy.resilience.resume import ResumedStream
from proxy.resilience.resume_dedup import ResumeMismatchError
from proxy.sse import split_frames


class StreamRelay:
    """One stream, whichever attempts it comes from. Implements `attempts.call.CallListener`."""

    __slots__ = (
        "_call", "_deadlines", "_is_resumable", "_length", "_loop", "_next", "_options", "_resume", "_resumed", "_start_call",
        "_starter", "_stream", "_writer", "due",
    )  # fmt: skip

    def __init__(self, call: Call, starter: AttemptStarter, start_call: StartCall, writer: StreamWriter) -> None:
        self._call: Call | None = call
        self._starter = starter
        self._start_call = start_call
        self._writer = writer
        self._stream = client_stream(call.attempt, writer)
        self._options = starter.planner.options
        self._loop = asyncio.get_running_loop()
        self._length = 0
        self._is_resumable = True
        self._deadlines = StreamDeadlines(self._loop.time)
        self._resume: StreamResume | None = None
        """Set while the stream is broken."""
        self._resumed: ResumedStream | None = None
        """Set once another attempt has continued it."""
        self._next: Attempt | None = None
        self.due = self._deadlines.content_at + call.attempt.step.target.timeouts.content_idle

    def start(self, data: bytes) -> None:
        """Relay the first events."""
        if (call := self._call) is not None:  # None if it was cancelled as its headers were sent
            call.listener = self
            self._release_request(call.attempt)
            self.on_data(call, data)

    # Called by the failover run.

    def check(self, now: float) -> None:
        """End a complete stream that goes on for too long. Fail one that sends nothing but pings for too long."""
        call = self._call
        if call is None or now < self._next_due():
            self.due = self._next_due()
        elif now >= self._deadlines.trailer_due or call.attempt.completion.all_choices_finished:
            self._complete(call)
        else:
            call.abort()
            target = call.attempt.step.target.id
            self._break(call, UpstreamTimeout(f"{target} sent nothing but pings for too long"))

    def pause(self) -> None:
        """Stop reading from the provider. Time paused does not count as silence."""
        if self._call is not None and self._deadlines.paused_at is None:
            self._deadlines.pause()
            self._call.pause()

    def resume(self) -> None:
        """Read on."""
        if self._deadlines.paused_at is not None:
            self._deadlines.resume()
            if self._call is not None:
                self._call.resume()

    def interrupt(self, failure: UpstreamError) -> None:
        """End the stream with an error event, unless only its trailer is missing."""
        call = self._call
        if call is not None and call.attempt.completion.all_choices_finished:
            self._complete(call)
        elif call is not None:
            self._call = None
            call.abort()
            self._apply(call.attempt, Cancelled())
            self._end(failure)

    def cancel(self) -> None:
        """Stop at once, because the caller has disconnected."""
        call, self._call, self.due = self._call, None, inf
        if call is not None:
            call.abort()
            complete = call.attempt.completion.complete
            self._apply(call.attempt, Completed() if complete else Cancelled())

    # Called by the calls.

    @ends_request_on_exception
    def on_content(self, call: Call, data: bytes) -> None:
        """Take over from the call that broke."""
        assert self._resume is not None
        self._resumed = self._resume.continue_with(call.attempt)
        self._resume = None
        self._apply(call.attempt, ContentReceived())
        call.attempt.exchange.runtime.telemetry.counters.resumes["resumed"] += 1
        self._length = 0
        self._deadlines.restart()
        if self._deadlines.paused_at is not None:
            call.pause()
        self.due = self._next_due()
        self._writer.wake_by(self.due)
        self._release_request(call.attempt)
        self.on_data(call, data)

    def on_data(self, call: Call, data: bytes) -> None:
        """Relay events. Act on an error or an end among them."""
        completion = call.attempt.completion
        try:
            if completion.error:
                self._end_with_error(call, data)
                return
            if self._is_resumable and not completion.text_only:
                self._release_request(call.attempt)
            if completion.length != self._length:
                self._length, self._deadlines.content_at = completion.length, self._loop.time()
                self._deadlines.trailer_due = inf  # more of the answer may follow a finish reason
            elif completion.complete or (not completion.text_only and data.find(b"data:") >= 0):
                self._deadlines.content_at = self._loop.time()
            self._write(call, data)
            if self._call is not call:
                return  # its text was not the same, or the caller is gone
            if completion.done:
                self.on_end(call)
            elif (
                completion.finish_reason is not None
                and self._deadlines.trailer_due == inf
                and completion.awaits_only_trailer
            ):
                self.due = min(self.due, self._deadlines.await_trailer())
                self._writer.wake_by(self.due)
        except Exception as error:  # noqa: BLE001 (as the decorator does, without its cost)
            self.crash(call, error)

    @ends_request_on_exception
    def on_end(self, call: Call) -> None:
        """Take the end of a stream, which proves nothing."""
        if self._call is not call:
            return
        if call.attempt.completion.complete:
            self._complete(call)
        else:
            call.abort()
            name = call.attempt.step.target.provider.name
            self._break(call, UpstreamDisconnected(f"{name} ended the stream before the answer was whole"))

    @ends_request_on_exception
    def on_failure(self, call: Call, failure: ParrotError) -> None:
        """Take the failure of the stream, or of an attempt to continue it."""
        if isinstance(failure, UpstreamError):
            if self._resume is None:
                self._break(call, failure)
                return
            self._apply(call.attempt, Failed(failure))
        elif isinstance(failure, InvalidRequestError):
            self._apply(call.attempt, Discarded())
        else:
            self._apply(call.attempt, Cancelled(outcome=failure.outcome))
            if self._resume is None:
                self._call = None
                self._end(failure)
                return
        self._continue_elsewhere(call.attempt)

    def on_response(self, call: Call, body: bytes) -> None:
        """Unreachable: a stream was requested."""
        raise AssertionError

    def crash(self, call: Call, error: Exception) -> None:
        """Abort the call and end the request, because of an unexpected exception."""
        call.abort()
        self._writer.crash(error)

    # How a stream ends.

    def _write(self, call: Call, data: bytes) -> None:
        """Hand on events, less what was sent already where the stream was continued."""
        try:
            if self._resumed is not None:
                data = b"".join(map(self._resumed.transform_frame, split_frames(data)))
            if self._stream.translate is not None:
                data = self._stream.translate(data)
        except ResumeMismatchError:
            call.attempt.exchange.runtime.telemetry.counters.resumes["mismatch"] += 1
            self._give_up(call, UpstreamDisconnected("the answer was cut, and another target's is not the same"))
        except Exception as error:  # noqa: BLE001 (whatever it is, the stream ends with an error event)
            self._give_up(call, response_failure(call.attempt, "stream", error))
        else:
            if data:
                self._writer.write(data)

    def _end_with_error(self, call: Call, data: bytes) -> None:
        """Relay the events before an error event. It is the failure of the stream, unless only the trailer was missing."""
        failure, completion = StreamError.find(data, call.attempt.local_failure), call.attempt.completion
        call.abort()
        self._write(call, failure.before)
        if self._call is not call:
            return
        completion.error = False
        if completion.awaits_only_trailer:
            self._complete(call)
        else:
            self._break(call, failure)

    def _complete(self, call: Call) -> None:
        """End with what the translation held back, and with the terminal event."""
        completion = call.attempt.completion
        if not completion.done:
            self._write(call, call.translate_rest())
            if self._call is not call:
                return
        self._call, self.due = None, inf
        call.drain()
        self._apply(call.attempt, Completed())
        self._stream.complete(is_done=completion.done)

    def _give_up(self, call: Call, failure: ParrotError) -> None:
        """End a continued stream whose text is another one than was sent."""
        self._call = None
        call.abort()
        self._apply(call.attempt, Cancelled())
        self._end(failure)

    def _end(self, failure: ParrotError) -> None:
        self.due = inf
        self._stream.fail(failure)

    def _break(self, call: Call, failure: UpstreamError) -> None:
        """Settle the attempt whose stream broke, and continue elsewhere if that is possible."""
        attempt = call.attempt
        self._apply(attempt, Failed(failure))
        self._release_request(attempt)
        if not self._is_resumable:
            self._call = None
            self._end(failure)
            return
        self._resume = StreamResume(attempt, failure, self._starter, self._resumed)
        self._continue_elsewhere(attempt)

    def _continue_elsewhere(self, failed: Attempt) -> None:
        """Start the next attempt to continue, or end the stream if there is none. Attempts that fail at once loop here."""
        assert self._resume is not None
        attempt = self._resume.start_next(failed)
        is_running, self._next = self._next is not None, attempt
        if is_running:
            return
        while (attempt := self._next) is not None:
            self._call = call = self._start_call(attempt, self)
            call.start()
            if self._next is attempt:
                self._next = None
                return
        self._call = None
        failed.exchange.runtime.telemetry.counters.resumes["no_target"] += 1
        self._end(self._resume.failure)

    def _release_request(self, attempt: Attempt) -> None:
        is_short = self._resumed is None or self._resumed.is_short
        self._is_resumable = self._options.resume != "off" and is_short and may_resume(attempt)
        release_request(attempt, is_resumable=self._is_resumable)

    def _apply(self, attempt: Attempt, event: AttemptEvent) -> None:
        outcomes.apply(attempt, event, self._options.circuit_breaker)

    def _next_due(self) -> float:
        if self._call is None:
            return inf
        return self._deadlines.next_due(None if self._resume is not None else self._call.attempt)
