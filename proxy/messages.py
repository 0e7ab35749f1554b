"""What is handed on: a Request comes in, an UpstreamRequest goes to a provider, a Response comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from msgspec import Struct

from proxy.errors import UpstreamError

Headers = Mapping[str, str]
"""Names without regard to case, as aiohttp's multidicts give them."""


class Body(Protocol):
    """An answer on its way; reading it further is the only thing that can still fail."""

    async def read(self) -> bytes:
        """The next bytes, b"" at the end; raises UpstreamError if it breaks. May be cancelled and called again."""

    def close(self) -> None:
        """Let go at once, finished or not; twice is harmless."""


class StreamTransform(Protocol):
    """Bytes in, bytes out, whatever the cuts."""

    def feed(self, data: bytes) -> bytes:
        """What `data` lets through."""

    def end(self) -> bytes:
        """Nothing more comes: what was still held back."""


class Request(Struct, frozen=True):
    """What the application sent, its body still unread."""

    method: str
    path: str
    headers: Headers
    read: Callable[[Callable[[int], None]], Awaitable[bytes]]
    """The whole body; is told the size of each part before it is kept, and what it is told with may raise. Call it once."""


class UpstreamRequest(Struct, frozen=True):
    """What one provider is sent: a complete HTTP request."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method})"  # its headers and its URL hold the provider's key


class Response(Struct, eq=False):
    """Status and headers, and a body that is whole (bytes) or still coming (Body)."""

    status: int
    headers: dict[str, str]
    body: bytes | Body

    def close(self) -> None:
        """Let go of the body, finished or not."""
        if not isinstance(self.body, bytes):
            self.body.close()


class RawResponse(Response, eq=False):
    """An answer that writes itself: `run` gets the listener's request and the headers that every answer carries."""

    run: Callable[[Any, Headers], Awaitable[Any]]


MAX_KEPT_TEXT = 64 * 1024
"""Characters of an answer that are kept until it is whole."""


class CompletionState(Struct):
    """What the dialect has seen of one answer as it passed; nothing of what it says."""

    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    done: bool = False
    error: bool = False
    dropped_events: int = 0
    text: list[str] = []
    """The plain text of a single choice so far, while it is no more than `MAX_KEPT_TEXT`."""
    text_only: bool = True
    """Nothing but such text has come: an answer that another target could go on with."""
    length: int = 0
    """Characters of it."""
    id: str | None = None
    requested_choices: int = 1
    """Choices that the request asked for."""
    choice_finished: dict[int, bool] = {}
    """Each choice that was seen, by its index, and whether its finish reason was."""
    ends_with_connection: bool = False
    """Whether more of the answer may follow a finish reason, until the provider closes the stream."""

    def append_text(self, text: str) -> None:
        """More of the text has come."""
        self.length += len(text)
        if self.length > MAX_KEPT_TEXT:
            self.text_only = False
            self.text.clear()
        elif self.text_only:
            self.text.append(text)
            if len(self.text) > 64:
                self.text[:] = ["".join(self.text)]

    def token_count(self, name: str) -> int | None:
        """That count of its usage; None where none is told, or something that is no count."""
        count = self.usage.get(name) if self.usage else None
        return int(count) if isinstance(count, (int, float)) and 0 <= count < 2**63 else None

    @property
    def complete(self) -> bool:
        """A finish reason was seen for every choice begun; `[DONE]` or a clean end alone proves nothing."""
        return self.finish_reason is not None and not self.error and all(self.choice_finished.values())

    @property
    def all_choices_finished(self) -> bool:
        """Whether it is complete with as many choices as were asked for, so that it is whole even if the stream breaks now."""
        return self.complete and (self.requested_choices == 1 or len(self.choice_finished) >= self.requested_choices)

    @property
    def awaits_only_trailer(self) -> bool:
        """Whether nothing may follow but usage and `[DONE]`."""
        return self.all_choices_finished and not self.ends_with_connection


@dataclass(slots=True)
class TransformedBody:
    """A body seen through a stage."""

    source: Body
    transform: StreamTransform
    state: CompletionState = field(default_factory=CompletionState)
    """Where the stage notes that nothing more can come."""
    _ended: bool = field(default=False, init=False)

    async def read(self) -> bytes:
        while not self._ended:
            try:
                data = await self.source.read()
            except UpstreamError:
                if not self.state.all_choices_finished:
                    raise
                data = b""  # the answer is whole: the stage releases what it holds back
            if not data:
                self._ended = True
                return self.transform.end()
            passed = self.transform.feed(data)
            if passed or self.state.done or self.state.error:
                return passed
        return b""

    def close(self) -> None:
        self.source.close()


@dataclass(slots=True)
class PeekedBody:
    """A body of which a part was read already."""

    source: Body
    first: bytes

    def read(self) -> Coroutine[Any, Any, bytes]:
        # Not async: once the first part is gone, no event passes through a frame of its own here.
        return self._begin() if self.first else self.source.read()

    async def _begin(self) -> bytes:
        first, self.first = self.first, b""
        return first

    def close(self) -> None:
        self.source.close()


class Transport(Protocol):
    """One way to reach providers."""

    async def send(
        self, request: UpstreamRequest, *, connect_timeout_s: float, response_timeout_s: float = inf
    ) -> UpstreamResponse:
        """Send it whole; status and headers are in when this returns. Times are seconds.

        Raises UpstreamError, InvalidHeaderError for a header that cannot be sent, and ResourceExhaustedError.
        """

    def close(self) -> None:
        """Close the idle connections, and the others as their answers end."""


class UpstreamResponse(Protocol):
    """A provider's answer, its body still unread."""

    status: int
    headers: Headers
    idle_timeout_s: float
    """Seconds of silence after which `read` raises UpstreamTimeout."""
    deadline: float
    """The moment, in the event loop's time, at which `read` raises UpstreamTimeout unless the answer is whole."""

    async def read(self) -> bytes:
        """The next bytes, b"" at the end; raises UpstreamError. May be cancelled and called again."""

    def close(self) -> None:
        """Let go: a finished connection is kept for reuse, any other is closed at once."""
