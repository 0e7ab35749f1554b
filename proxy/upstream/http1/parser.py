"""The bytes of one connection become answers, one after the other; httptools (llhttp) knows the grammar."""

from __future__ import annotations

import httptools
from multidict import CIMultiDict

MAX_HEAD = 64 * 1024
"""Bytes of a head, and of anything else that is no content: chunk sizes, trailers, 1xx answers."""
MAX_FIELDS = 128
MAX_INTERIM = 16
"""1xx answers before the real one."""

_TOO_MUCH = f"over {MAX_HEAD} bytes without content"


class AnswerParser:
    """After each `feed`, its fields say what is known of the answer; `flaw` is why it is none."""

    __slots__ = (
        "_fields", "_http", "_interim", "_overhead",
        "body", "complete", "flaw", "headers", "keep_alive", "on_body", "status", "surplus", "until_close",
    )  # fmt: skip

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.on_body = self.body.append  # httptools calls it for each part
        self._http: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.expect()

    def expect(self) -> None:
        """Forget the last answer; what comes next is another."""
        self.status = 0
        self.headers: CIMultiDict[str] | None = None
        self.body.clear()
        self.complete = False
        self.keep_alive = False
        self.until_close = False
        self.surplus = False
        self.flaw: str | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._overhead = 0
        self._interim = 0

    def feed(self, data: bytes) -> None:
        """Take what came; `body` gains the content in it, and the caller clears it."""
        if self._http is None:
            return
        self._overhead += len(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fault("it switches protocols")
        except httptools.HttpParserError as error:
            self._fault(str(error))
        if self.body:
            self._overhead = 0
        elif self._overhead > MAX_HEAD and not self.complete:
            self._fault(_TOO_MUCH)

    def close(self) -> None:
        """No more is fed; the parser and its callbacks hold each other otherwise."""
        self._http = None

    def _fault(self, said: str) -> None:
        """Whatever follows a whole answer does not make it less whole, but nothing may be read into it."""
        if self.complete:
            self.surplus = True
        else:
            self.flaw = self.flaw or said

    def _refuse(self, why: str) -> None:
        self.flaw = self.flaw or why
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
            self._refuse(f"over {MAX_FIELDS} fields")
        if self._overhead > MAX_HEAD and sum(len(name) + len(value) for name, value in self._fields) > MAX_HEAD:
            self._refuse(_TOO_MUCH)
        headers = CIMultiDict([(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields])
        if why := _unreadable(http.get_http_version(), headers):
            self._refuse(why)
        self.keep_alive = http.should_keep_alive()
        self.until_close = not ("Content-Length" in headers or "Transfer-Encoding" in headers or status in (204, 304))
        self.status = status
        self.headers = headers

    def on_message_complete(self) -> None:
        if self.headers is not None:
            self.complete = True
            return
        self._interim += 1
        self._fields.clear()
        if self._interim > MAX_INTERIM:
            self._refuse(f"over {MAX_INTERIM} interim answers")


def _unreadable(version: str, headers: CIMultiDict[str]) -> str | None:
    """Why such an answer is not taken, though its grammar is right."""
    if version not in ("1.1", "1.0"):
        return "not HTTP/1.1"
    if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        return "a Content-Encoding, though identity was asked for"
    transfer = headers.getall("Transfer-Encoding", None)
    if transfer and (version == "1.0" or [coding.lower() for coding in transfer] != ["chunked"]):
        return "a Transfer-Encoding other than chunked, or in HTTP/1.0"
    return None
