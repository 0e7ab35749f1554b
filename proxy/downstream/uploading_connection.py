"""A caller's connection whose requests may be forms with files: those stream to the provider while they arrive."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

from aiohttp import web

from proxy.downstream.body_deadline import body_timeout
from proxy.downstream.client_connection import ClientConnection
from proxy.downstream.request_host import RequestHost
from proxy.downstream.upload_reader import UploadReader
from proxy.errors import ParrotError
from proxy.lifecycle import RequestLifecycle


class UploadingConnection(ClientConnection):
    """Reads a form on while its request is in progress. Everything else is as `ClientConnection` does it."""

    __slots__ = ("_upload",)

    def __init__(self, manager: web.Server, host: RequestHost, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(manager, host, loop, **options)
        self._upload: UploadReader | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Abort the request in progress, and drop what is held of its form."""
        super().connection_lost(exc)
        self._upload = None  # it refers to this connection: so both are freed by refcount

    def check(self, now: float) -> None:
        """Act on what is due: a form that arrives too slowly, or whatever is due of its request."""
        lifecycle, upload = self._lifecycle, self._upload
        if (
            lifecycle is None
            or upload is None
            or upload.exchange is not lifecycle.exchange
            or not self._is_reading_body
        ):
            super().check(now)
        elif now >= upload.due:
            self._end_upload(lifecycle, body_timeout())
        else:
            self.due = upload.due
            lifecycle.check(now)
            self._host.timer.watch(self)

    def read_body(self) -> bytes | None:
        """Return the body if all of it is here. Otherwise, and for a form, begin to read it."""
        if self._lifecycle is not None and self._lifecycle.exchange.boundary and self._body is not None:
            self._begin_body(self._body)
            return None
        return super().read_body()

    def _read_on(self, lifecycle: RequestLifecycle) -> bool:
        return self._read_form(lifecycle) if lifecycle.exchange.boundary else super()._read_on(lifecycle)

    def _read_form(self, lifecycle: RequestLifecycle) -> bool:
        """Read what has arrived of a form. Return whether that was anything."""
        upload = self._upload
        if upload is None or upload.exchange is not lifecycle.exchange:
            assert self._body is not None
            upload = self._upload = UploadReader(self._body, lifecycle.exchange, self.pump, self._loop.time())
        was_routable = upload.is_routable
        try:
            has_read = upload.read(self._loop.time(), is_followed=self.has_next_request)
        except ParrotError as error:
            self._end_upload(lifecycle, error)
            return True
        if upload.is_complete:
            self._is_reading_body, self._upload = False, None
        self.wake_by(upload.due)
        if upload.is_routable and not was_routable:
            lifecycle.end_body(b"")
        return has_read

    def _end_upload(self, lifecycle: RequestLifecycle, error: ParrotError) -> None:
        """End the request because of its body, whose rest is of no use."""
        self._is_reading_body, self._upload, self.due = False, None, inf
        self._encoder.keep_alive = False
        lifecycle.interrupt(error)
