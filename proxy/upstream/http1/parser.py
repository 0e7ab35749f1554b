"""Parses the bytes of one connection into HTTP/1.1 responses, one after the other.

httptools (llhttp) parses the grammar. This module adds limits on size and refuses what the transport cannot handle. It takes
the fields from the text of a head that llhttp has accepted, at once, because a callback for each costs more than parsing it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import httptools

from proxy.headers import has_repeated_list, join_repeated
from proxy.upstream.http1.content_encoding import IDENTITY, ContentDecoder, is_supported

MAX_HEAD_BYTES = 64 * 1024
"""For a head, and for everything else that is not body content: chunk sizes, trailers, 1xx responses."""
MAX_FIELDS = 128
MAX_INTERIM_RESPONSES = 16
"""1xx responses before the final one."""

_FIELD = re.compile(r"\r\n([^:\r]+):[ \t]*((?:[^\r]*[^\r \t])?)")
"""A field of a head in which every line is `name: value` and ends with CRLF, as llhttp has checked."""
_OVERHEAD_EXCEEDED = f"over {MAX_HEAD_BYTES} bytes without content"


class ResponseParser:
    """Parser of responses. After each `feed` its attributes hold what is known of the current one.

    `error` is why the response is invalid, or None. `trailing_data` is set when bytes follow a complete response: it
    stays valid, but the connection cannot be used again. `until_close` means that the body ends with the connection.
    """

    __slots__ = (
        "_head", "_http", "_interim_responses", "_overhead_bytes",
        "body", "complete", "decoder", "error", "headers", "keep_alive", "on_body", "status", "trailing_data", "until_close",
    )  # fmt: skip

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.on_body = self.body.append  # called by httptools for each part
        self._http: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.reset()

    def reset(self) -> None:
        """Prepare for the next response."""
        self.status = 0
        self.headers: dict[str, str] | None = None
        """Names in lower case, repeated lines joined."""
        self.body.clear()
        self.decoder: ContentDecoder | None = None
        """What the bytes in `body` have to be decoded with. None for a body that is not compressed."""
        self.complete = False
        self.keep_alive = False
        self.until_close = False
        self.trailing_data = False
        self.error: str | None = None
        self._head: list[bytes] = []
        """What was read since the head began, until it is complete."""
        self._overhead_bytes = 0
        self._interim_responses = 0

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Their content is appended to `body`, which the caller clears."""
        if self._http is None:
            return
        self._overhead_bytes += len(data)
        if self.headers is None:
            self._head.append(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._record_error("the server switches protocols")
        except httptools.HttpParserError as error:
            self._record_error(str(error))
        if self.body:
            self._overhead_bytes = 0
        elif self._overhead_bytes > MAX_HEAD_BYTES and not self.complete:
            self._record_error(_OVERHEAD_EXCEEDED)

    def close(self) -> None:
        """Break the reference cycle between the parser and its callbacks. `feed` does nothing after it."""
        self._http = None

    def _record_error(self, message: str) -> None:
        if self.complete:
            self.trailing_data = True
        else:
            self.error = self.error or message

    def _reject(self, reason: str) -> None:
        self.error = self.error or reason
        raise httptools.HttpParserError(reason)

    # Called by httptools.

    def on_message_begin(self) -> None:
        """Reject bytes that follow a complete response."""
        if self.complete:
            raise httptools.HttpParserError("data after the response")

    def on_headers_complete(self) -> None:
        """Check the head and publish status and headers."""
        http = self._http
        assert http is not None
        status = http.get_status_code()
        if status < 100:
            self._reject("a status below 100")
        head = self._take_head()
        if status < 200:
            return
        headers = self._parse_fields(head)
        version, is_encoded = http.get_http_version(), "content-encoding" in headers
        if version != "1.1" or is_encoded or "transfer-encoding" in headers:
            if reason := _unsupported_reason(version, headers):
                self._reject(reason)
            if is_encoded and headers["content-encoding"].lower() not in IDENTITY:
                self.decoder = ContentDecoder(headers["content-encoding"])
        self.keep_alive = http.should_keep_alive()
        self.until_close = not ("content-length" in headers or "transfer-encoding" in headers or status in (204, 304))
        self.status = status
        self.headers = headers
        self._head.clear()

    def _take_head(self) -> str:
        """Return the text of the head that is complete now. What was read behind it may be the next one."""
        data = b"".join(self._head).lstrip(b"\r\n")  # empty lines may precede a head
        head, _, rest = data.partition(b"\r\n\r\n")
        self._head[:] = (rest,)
        return head.decode("latin-1")

    def _parse_fields(self, head: str) -> dict[str, str]:
        if len(head) > MAX_HEAD_BYTES:
            self._reject(_OVERHEAD_EXCEEDED)
        fields = _FIELD.findall(head)
        if len(fields) > MAX_FIELDS:
            self._reject(f"over {MAX_FIELDS} fields")
        if not fields:
            return {}
        given, values = zip(*fields, strict=True)
        names = _lower_case(given)
        headers = dict(zip(names, values, strict=True))
        if len(headers) < len(names) and has_repeated_list(names):
            return join_repeated(names, values)
        return headers

    def on_message_complete(self) -> None:
        """Mark the response as complete. Skip interim (1xx) responses."""
        if self.headers is not None:
            self.complete = True
            return
        self._interim_responses += 1
        if self._interim_responses > MAX_INTERIM_RESPONSES:
            self._reject(f"over {MAX_INTERIM_RESPONSES} interim responses")


@lru_cache(maxsize=256)
def _lower_case(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in lower case. A provider sends the same names with every response."""
    return tuple(name.lower() for name in names)


def _unsupported_reason(version: str, headers: Mapping[str, str]) -> str | None:
    """Return why a response of valid grammar is refused, or None."""
    if version not in ("1.1", "1.0"):
        return "not HTTP/1.1"
    if not is_supported(headers.get("content-encoding", "")):
        return "an unknown Content-Encoding, though only identity is accepted"
    transfer = headers.get("transfer-encoding")
    if transfer and (version == "1.0" or transfer.lower() != "chunked"):
        return "a Transfer-Encoding other than chunked, or in HTTP/1.0"
    return None
