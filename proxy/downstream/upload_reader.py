"""Reads a caller's form as it arrives: first as far as routing needs it, then as fast as the provider takes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

from proxy.downstream.body_deadline import BODY_TIMEOUT_S, extend_body_due
from proxy.downstream.body_reader import BodyReader
from proxy.exchange import Exchange
from proxy.ingress.multipart import FormScanner
from proxy.ingress.paths import WITHOUT_MODEL
from proxy.upload import Upload


class UploadReader:
    """The body of one request, which is a form."""

    def __init__(self, body: BodyReader, exchange: Exchange, on_room: Callable[[], None], now: float) -> None:
        self.exchange = exchange
        self.due = now + BODY_TIMEOUT_S
        """When more of it must have arrived. It is inf while the provider takes nothing."""
        self.is_complete = False
        self._body = body
        self._upload = Upload(exchange.memory, on_room)
        self._scanner: FormScanner | None
        self._scanner = FormScanner(
            exchange.boundary, exchange.max_form_bytes, needs_model=exchange.endpoint not in WITHOUT_MODEL
        )

    @property
    def is_routable(self) -> bool:
        """Whether enough has arrived for the request to be routed."""
        return self._scanner is None

    def read(self, now: float, *, is_followed: bool) -> bool:
        """Hand on what has arrived. Return whether that was anything.

        Raises InvalidRequestError, RequestTooLargeError, and OverloadedError where there is no memory for the beginning.
        """
        if self.is_complete or (self._scanner is None and self._upload.is_full):
            self.due = inf
            return False
        count = partial(self.exchange.reserve, self.exchange) if self.exchange.reserve is not None else _count_nothing
        data = self._body.read(count, is_followed=is_followed)
        self.is_complete = data is not None
        data = self._body.take() if data is None else data
        self.due = inf if self.is_complete else extend_body_due(self.due, now, len(data))
        if self._scanner is not None:
            self._scan(self._scanner, data)
        else:
            self._upload.feed(data)
        if self.is_complete:
            self._upload.end(self.exchange.runtime.clock())
        return bool(data) or self.is_complete

    def _scan(self, scanner: FormScanner, data: bytes) -> None:
        self.exchange.memory.hold(len(data))
        scanner.feed(data)
        if self.is_complete:
            scanner.end()
        if scanner.form is not None:
            length = self.exchange.request.headers.get("Content-Length")
            size = int(length) if length is not None else None
            self._upload.begin([memoryview(scanner.form.beginning)], size, held_bytes=len(scanner.form.beginning))
            self.exchange.form, self.exchange.upload = scanner.form, self._upload
            self._scanner = None


def _count_nothing(size: int) -> None:
    """Count nothing: the request is not limited."""
