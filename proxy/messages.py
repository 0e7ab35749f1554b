"""The values that pass between the parts: requests, responses, and the interfaces that push a response along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any, Protocol

from msgspec import Struct

from proxy.errors import ParrotError
from proxy.upload import Upload

Headers = Mapping[str, str]
"""Names without regard to case, as aiohttp's multidicts give them."""


class StreamTransform(Protocol):
    """Bytes in, bytes out, whatever the cuts."""

    def feed(self, data: bytes) -> bytes:
        """Return what `data` completes."""

    def end(self) -> bytes:
        """Return what was still held back. Nothing more comes."""


class Request(Struct, frozen=True):
    """The head of a request as the application sent it."""

    method: str
    path: str
    """With the query string, as it came."""
    headers: Headers

    def __repr__(self) -> str:
        return f"Request({self.method})"  # headers and query hold the caller's key


class UpstreamRequest(Struct, frozen=True):
    """What one provider is sent: a complete HTTP request."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    upload: Upload | None = None
    """Where the body comes from, if it is still arriving. `body` is empty then."""
    is_sent_once: bool = False
    """Whether it is never sent again, not even where a reused connection proves to have been closed before."""

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method})"  # its headers and its URL hold the provider's key


class Response(Struct, eq=False):
    """A response on its way to the caller, as the `after` phases of the middlewares see it."""

    status: int
    headers: dict[str, str]
    body: bytes | None
    """The complete body, or None where a stream of events follows."""
    transforms: list[StreamTransform] = []
    """Of a stream: applied to it in this order."""
    error: ParrotError | None = None
    """Set where the sidecar itself made the response, from an error. Its body is encoded when it is sent."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status})"  # its body is the answer

    @classmethod
    def from_error(cls, error: ParrotError) -> Response:
        """Make the response of an error."""
        return Response(error.status, dict(error.headers), b"", error=error)


class ByteStream(Response, eq=False):
    """A response whose body follows as the provider's own bytes: audio, or the content of a file. No transform is applied."""

    content_type: str = "application/octet-stream"


class RawResponse(Response, eq=False):
    """A response that writes itself to the client's connection, such as a websocket."""

    run: Callable[[Any, Headers], Awaitable[Any]] | None = None
    """Called with the listener's HTTP request and the headers that every response carries."""


MAX_KEPT_TEXT = 64 * 1024
"""Characters of an answer that are kept so that another target could continue it."""


class CompletionState(Struct):
    """What is known of one answer as it passes: model, finish, usage and size, and its text only as far as a resume needs it."""

    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    done: bool = False
    error: bool = False
    dropped_events: int = 0
    text: list[str] = []
    """The plain text of a single choice so far, while it is no more than `MAX_KEPT_TEXT`."""
    text_only: bool = True
    """Whether the answer is plain text so far, which another target could continue."""
    length: int = 0
    """Characters of the text."""
    id: str | None = None
    requested_choices: int = 1
    """The number of choices that the request asks for."""
    seen_choices: set[int] = set()
    """Index of each choice that began."""
    open_choices: set[int] = set()
    """Those of them whose finish reason was not seen yet."""
    ends_with_connection: bool = False
    """Whether more of the answer may follow a finish reason, until the provider closes the stream."""

    def __repr__(self) -> str:
        return f"CompletionState({self.length} characters)"  # the text is the answer

    def append_text(self, text: str) -> None:
        """Add text of the answer."""
        self.length += len(text)
        if self.length > MAX_KEPT_TEXT:
            self.text_only = False
            self.text.clear()
        elif self.text_only:
            self.text.append(text)
            if len(self.text) > 64:
                self.text[:] = ["".join(self.text)]

    def token_count(self, name: str) -> int | None:
        """Return that count of its usage, or None if there is none or it is not a number."""
        count = self.usage.get(name) if self.usage else None
        if type(count) is int and 0 <= count < 2**63:  # as nearly always
            return count
        return int(count) if isinstance(count, (int, float)) and 0 <= count < 2**63 else None

    @property
    def complete(self) -> bool:
        """Return whether every choice that began has its finish reason. `[DONE]` or a clean end alone proves nothing."""
        return self.finish_reason is not None and not self.error and not self.open_choices

    @property
    def all_choices_finished(self) -> bool:
        """Return whether it has as many finished choices as were requested, so that it is whole even if cut now."""
        return self.complete and (self.requested_choices == 1 or len(self.seen_choices) >= self.requested_choices)

    @property
    def awaits_only_trailer(self) -> bool:
        """Return whether nothing may follow but usage and `[DONE]`."""
        return self.all_choices_finished and not self.ends_with_connection


class ResponseSink(Protocol):
    """Receives one provider's response as it arrives: `on_head`, any number of `on_body`, then one of the last two."""

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        """Take status and headers. Names are in lower case, repeated lines joined."""

    def on_body(self, data: bytes) -> None:
        """Take more of the body."""

    def on_end(self) -> None:
        """Take the end of the response, whose connection is already released."""

    def on_failure(self, failure: ParrotError) -> None:
        """Take the failure, an UpstreamError or a ResourceExhaustedError. It may come before `on_head`."""


class Transfer(Protocol):
    """One request under way, and its response."""

    def pause(self) -> None:
        """Stop reading, so that the provider is slowed down. What was already read may still arrive."""

    def resume(self) -> None:
        """Read again."""

    def set_timeouts(self, *, deadline: float, idle_timeout_s: float) -> None:
        """Set the moment (`loop.time()`) by which the response must be complete, and its longest silence in seconds."""

    def abort(self) -> None:
        """Stop at once and close the connection. The sink is not called again. Harmless after the end."""


class Transport(Protocol):
    """Sends requests to providers."""

    def send(
        self, request: UpstreamRequest, sink: ResponseSink, *, connect_timeout_s: float, response_timeout_s: float = inf
    ) -> Transfer:
        """Start to send a request. Its response is pushed into the sink, never from within this call.

        Raises InvalidHeaderError for a header that cannot be sent.
        """

    def close(self) -> None:
        """Close the idle connections, and the others as their responses end."""
