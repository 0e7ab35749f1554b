"""The bytes of one connection become answers, one after the other; httptools (llhttp) knows the grammar."""

from __future__ import annotations

import httptools
from multidict import CIMultiDict

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a head, and of anything else that is no content: chunk sizes, trailers, 1xx answers."""
MAX_FIELDS = 128
MAX_INTERIM_RESPONSES = 16
"""1xx answers before the real one."""

_OVERHEAD_EXCEEDED = f"over {MAX_HEAD_BYTES} bytes without content"


class ResponseParser:
    """After each `feed`, its fields say what is known of the answer; `error` is why it is none."""

    __slots__ = (
        "_fields", "_http", "_interim_responses", "_overhead_bytes",
        "body", "complete", "error", "headers", "keep_alive", "on_body", "status", "trailing_data", "until_close",
    )  # fmt: skip

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.on_body = self.body.append  # httptools calls it for each part
        self._http: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.reset()

    def reset(self) -> None:
        """Forget the last answer; what comes next is another."""
        self.status = 0
        self.headers: CIMultiDict[str] | None = None
        self.body.clear()
        self.complete = False
        self.keep_alive = False
        self.until_close = False
        self.trailing_data = False
        self.error: str | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._overhead_bytes = 0
        self._interim_responses = 0

    def feed(self, data: bytes) -> None:
        """Take what came; `body` gains the content in it, and the caller clears it."""
        if self._http is None:
            return
        self._overhead_bytes += len(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._record_error("it switches protocols")
        except httptools.HttpParserError as error:
            self._record_error(str(error))
        if self.body:
            self._overhead_bytes = 0
        elif self._overhead_bytes > MAX_HEAD_BYTES and not self.complete:
            self._record_error(_OVERHEAD_EXCEEDED)

    def close(self) -> None:
        """No more is fed; the parser and its callbacks hold each other otherwise."""
        self._http = None

    def _record_error(self, said: str) -> None:
        """Whatever follows a whole answer does not make it less whole, but nothing may be read into it."""
        if self.complete:
            self.trailing_data = True
        else:
            self.error = self.error or said

    def _reject(self, why: str) -> None:
        self.error = self.error or why
        raise httptools.HttpParserError(why)

    # httptools calls these.

    def on_message_begin(self) -> None:
        if self.complete:
            raise httptools.HttpParserError("more than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        # Called for each field: what is to be checked waits for the end of the head.
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        http = self._http
        assert http is not None
        status = http.get_status_code()
        if status < 200:
            return
        if len(self._fields) > MAX_FIELDS:
            self._reject(f"over {MAX_FIELDS} fields")
        if (
            self._overhead_bytes > MAX_HEAD_BYTES
            and sum(len(name) + len(value) for name, value in self._fields) > MAX_HEAD_BYTES
        ):
            self._reject(_OVERHEAD_EXCEEDED)
        headers = CIMultiDict([(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields])
        if why := _unsupported_reason(http.get_http_version(), headers):
            self._reject(why)
        self.keep_alive = http.should_keep_alive()
        self.until_close = not ("Content-Length" in headers or "Transfer-Encoding" in headers or status in (204, 304))
        self.status = status
        self.headers = headers

    def on_message_complete(self) -> None:
        if self.headers is not None:
            self.complete = True
            return
        self._interim_responses += 1
        self._fields.clear()
        if self._interim_responses > MAX_INTERIM_RESPONSES:
            self._reject(f"over {MAX_INTERIM_RESPONSES} interim answers")


def _unsupported_reason(version: str, headers: CIMultiDict[str]) -> str | None:
    """Why such an answer is not taken, though its grammar is right."""
    if version not in ("1.1", "1.0"):
        return "not HTTP/1.1"
    if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        return "a Content-Encoding, though identity was asked for"
    transfer = headers.getall("Transfer-Encoding", None)
    if transfer and (version == "1.0" or [coding.lower() for coding in transfer] != ["chunked"]):
        return "a Transfer-Encoding other than chunked, or in HTTP/1.0"
    return None
