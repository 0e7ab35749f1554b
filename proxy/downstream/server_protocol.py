"""aiohttp's protocol class for connections of callers, without its task per request.

`aiohttp.web_protocol.RequestHandler` parses, queues pipelined requests and controls the flow of bodies. Its `start`
would run each request in a task of its own. Here the queue is served from within `data_received`: a request whose body
has arrived is answered, or sent to a provider, before the event loop gets control back.

This is the one file that uses names of aiohttp which are private to it. `PRIVATE_NAMES` lists them, and a test compares
the list with the installed version.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from proxy.deadline_timer import DeadlineTimer
from proxy.downstream.hangup_watch import HangupWatch
from proxy.downstream.parse_errors import parse_error
from proxy.errors import ParrotError

PRIVATE_NAMES = (
    "_buffer_paused", "_close", "_force_close", "_manager", "_messages", "_msg_queue_resume_size", "_parser",
    "_pause_transport_reading", "_reading_paused", "_resume_reading_if_drained",
)  # fmt: skip


class ServerProtocol(RequestHandler):
    """Parses what a caller sends. Subclasses do the work in `step`."""

    __slots__ = ("_hangup_watch", "_is_pumping", "is_malformed")

    def __init__(
        self, manager: web.Server, loop: asyncio.AbstractEventLoop, timer: DeadlineTimer, **options: Any
    ) -> None:
        super().__init__(manager, loop=loop, **{**options, "keepalive_timeout": 0})
        self._is_pumping = False
        self.is_malformed = False
        """Whether the caller has sent something that is not HTTP. What follows it is discarded."""
        self._hangup_watch = HangupWatch(timer, loop)

    async def start(self) -> None:
        """Do nothing: aiohttp would wait for requests here, and run them."""

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and serve what is complete."""
        if self.is_malformed:
            return  # nothing after it can be a request
        super().data_received(data)
        if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            # Not aiohttp's error, which quotes what arrived and would be kept until the requests before it end.
            failure, payload = cast(Any, self._messages[-1])
            self.is_malformed, self._messages[-1] = True, (cast(Any, parse_error(failure.exc)), payload)
        self.pump()

    def pump(self) -> None:
        """Serve requests until one has to wait for something. Called again from within, it does nothing."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self.step():
                pass
        finally:
            self._is_pumping = False

    def step(self) -> bool:
        """Do the next thing that can be done. Return False if there is none."""
        raise NotImplementedError

    def next_request(self) -> tuple[RawRequestMessage | ParrotError, StreamReader] | None:
        """Take the next request from the queue, or the error for what is not well-formed, or None if it must wait.

        A caller may send requests without reading: the next one waits until the response before it has left.
        """
        if not self._messages or self._force_close or self._close or self.writing_paused:
            return None
        message, payload = self._messages.popleft()
        if self._manager is not None:
            self._manager.requests_count += 1
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return cast(Any, message), payload

    @property
    def has_next_request(self) -> bool:
        """Whether something stands in the queue.

        While the body of the request before is incomplete that can only be what was not well-formed in it.
        """
        return bool(self._messages)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on after `pause_reading`. aiohttp's streams call this after every body, where nothing was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _pause_transport_reading(self) -> None:
        super()._pause_transport_reading()
        if self.transport is not None:
            self._hangup_watch.start(self.transport)

    def discard_input(self) -> None:
        """Ignore what the caller sends from now on."""
        self._force_close = True
