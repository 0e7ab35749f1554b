"""Catalogue of provider faults and what the client receives: data for the tests and for docs/reference/faults.md."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import cache
from itertools import chain, repeat
from typing import Literal

from proxy.sse import encode
from tests.faults.rehearsal import pause
from tests.faults.server import FIN, RECV, RST, Op, Script, http_chunk, http_response, send
from tests.faults.wire_formats import CLOSING, WireFormat, error_response, event, stream_head

Ending = int | Literal["first", "second", "event"]
"""What the client receives: a status, the complete answer of the first or second provider, or a stream that ends with an
error event."""
Scripts = Callable[[WireFormat, bool], Sequence[Script]]
BOTH, STREAMING, NOT_STREAMING = (True, False), (True,), (False,)
REFUSED: Sequence[Script] = ()
"""The port is closed."""


@dataclass(frozen=True)
class FaultCase:
    """One fault of a provider, with the expected results."""

    number: str
    """Number in the catalogue; several cases may share one."""
    description: str
    scripts: Scripts
    alone: Ending
    """Expected result without another provider."""
    fallback: Ending
    """Expected result with a healthy second provider."""
    modes: Sequence[bool] = BOTH
    """The values of `stream` to test."""
    within_s: float = 10.0
    """Maximum duration with a second provider, in seconds."""
    resumes: bool = False
    """Whether the second provider resumes the stream. With `resume: off` the result is that of a single provider."""


def status(number: int, alone: Ending, fallback: Ending = "second", *, headers: str = "", body: bytes = b"") -> Scripts:
    """Return a script with that error status for every request."""
    return lambda wire_format, stream: [error_response(number, body or b'{"error":{"message":"no"}}', headers)]


def always(*ops: Op) -> Scripts:
    """Return the same script for every connection."""
    return lambda wire_format, stream: [ops]


def cut(*ops: Op) -> Scripts:
    """Return a script that streams 40 tokens, then runs these operations."""
    return lambda wire_format, stream: [wire_format.stream_script(*ops, after=40)]


def limited(number: str, description: str, header: str, within_s: float = 10.0) -> FaultCase:
    """Return the case of a 429 with that header line."""
    return FaultCase(number, f"429, {description}", status(429, 429, headers=f"{header}\r\n" if header else ""), 429, "second",
                 within_s=within_s)  # fmt: skip


def _error_in_200(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    body = b'{"error":{"message":"upstream failed","code":"server_error"}}'
    return [[RECV, send(http_response(body, headers=f"{CLOSING}Content-Type: application/json\r\n")), FIN]]


def _empty(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    kind = "text/event-stream" if stream else "application/json"
    return [[RECV, send(http_response(b"", headers=f"{CLOSING}Content-Type: {kind}\r\n")), FIN]]


def _pings(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    return [
        [RECV, send(stream_head()), *chain.from_iterable(repeat((pause(5), send(http_chunk(wire_format.ping))), 200))]
    ]


def _pings_after_content(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    ping = (pause(20), send(http_chunk(wire_format.ping)))
    return [wire_format.stream_script(*chain.from_iterable(repeat(ping, 40)), after=40)]


def _error_before_content(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    return [
        [
            RECV,
            send(stream_head()),
            *map(event, (*wire_format.opening, wire_format.error_event)),
            send(http_chunk(b"")),
            FIN,
        ]
    ]


def _delimited_by_close(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return [[RECV, send(start + b"".join((*wire_format.opening, *wire_format.tokens[:40]))), pause(0.1), FIN]]


def _malformed_error(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    return [
        [
            RECV,
            send(stream_head()),
            *map(event, (*wire_format.opening, encode(b'{"error":["boom"]}'))),
            send(http_chunk(b"")),
            FIN,
        ]
    ]


def _too_large(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    return [wire_format.stream_script(*[send(http_chunk(b"data: " + b"x" * 2**20))] * 9, after=40)]


def _invalid_json(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    broken = encode(b'{"type":"content_block_delta","choices":[{"del')
    return [replace(wire_format, tokens=(*wire_format.tokens[:9], broken, *wire_format.tokens[9:])).stream_script()]


def _stays_open(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    return [wire_format.stream_script()[:-2]]


def _unterminated(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    return [[*replace(wire_format, closing=wire_format.closing[:2], done=b"").stream_script()[:-2], FIN]]


def _bytewise(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    data = b"".join(wire_format.events)
    return [
        [
            RECV,
            send(stream_head()),
            send(b"".join(http_chunk(data[at : at + 1]) for at in range(len(data))) + http_chunk(b"")),
            FIN,
        ]
    ]


def _crlf(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    data = b"".join(wire_format.events).replace(b"\n", b"\r\n")
    cuts = (data[at : at + 7] for at in range(0, len(data), 7))
    return [[RECV, send(stream_head()), send(b"".join(map(http_chunk, cuts)) + http_chunk(b"")), FIN]]


def encoded(coding: str, compress: Callable[[bytes], bytes]) -> Scripts:
    """Return a script with the complete answer in a Content-Encoding that was not requested."""

    def scripts(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
        kind = "text/event-stream" if stream else "application/json"
        body = compress(b"".join(wire_format.events) if stream else wire_format.body)
        headers = f"{CLOSING}Content-Type: {kind}\r\nContent-Encoding: {coding}\r\n"
        return [[RECV, send(http_response(body, headers=headers)), FIN]]

    return scripts


def _half_gzipped(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    """Send 40 tokens as gzip without its end, in a response that is complete as far as HTTP goes."""
    compress = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    data = compress.compress(b"".join((*wire_format.opening, *wire_format.tokens[:40])))
    data += compress.flush(zlib.Z_SYNC_FLUSH)
    head = stream_head().replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer")
    return [[RECV, send(head + http_chunk(data) + http_chunk(b"")), FIN]]


@cache
def _bomb() -> bytes:
    """Return 64 KiB of gzip that expand to 65 MiB."""
    return gzip.compress(b" " * (65 * 2**20))


def _large(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    head = f"HTTP/1.1 200 OK\r\n{CLOSING}Content-Length: {65 * 2**20}\r\n\r\n".encode()
    return [[RECV, send(head), *[send(b" " * 2**20)] * 65, FIN]]


def _slow_tokens(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    first, *rest = wire_format.tokens
    slow = chain.from_iterable((pause(9), event(data)) for data in rest)
    start = [*map(event, wire_format.opening), event(first)]
    return [
        [
            RECV,
            send(stream_head()),
            *start,
            *slow,
            *map(event, (*wire_format.closing, wire_format.done)),
            send(http_chunk(b"")),
            FIN,
        ]
    ]


def _late_response(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    recv, *rest = wire_format.response_script(stream)
    return [[recv, pause(45), *rest]]


def _raw(data: bytes) -> Scripts:
    return always(RECV, send(data), FIN)


def _half_response(wire_format: WireFormat, stream: bool) -> Sequence[Script]:
    response = http_response(wire_format.body, headers=CLOSING)
    return [[RECV, send(response[: len(response) // 2]), FIN]]


PAGE = b"<html><body>cloud edge error</body></html>"
HTML = "Content-Type: text/html\r\n"
QUOTA = b'{"error":{"message":"no credit","type":"insufficient_quota","code":"insufficient_quota"}}'
POLICY = b'{"error":{"message":"not that","code":"content_policy_violation"}}'
_5XX = ((500, 502), (502, 502), (503, 502), (504, 504), (520, 502), (529, 503), (530, 502))


def _statuses() -> Iterator[FaultCase]:
    for number, alone in _5XX:
        yield FaultCase("F12", str(number), status(number, alone), alone, "second")


FAULTS: Sequence[FaultCase] = (
    FaultCase("F1", "connection refused", lambda wire_format, stream: REFUSED, 502, "second"),
    FaultCase("F5", "connection closed before the request was read", always(FIN), 502, "second"),
    FaultCase("F6", "connection reset after the request was read", always(RECV, RST), 502, "second"),
    limited("F9", "`Retry-After: 2`, and again after the retry", "Retry-After: 2"),
    limited("F9", "`Retry-After` with a date", f"Retry-After: {formatdate(4e9, usegmt=True)}"),
    limited("F9", "`Retry-After-Ms`", "Retry-After-Ms: 1500"),
    limited("F9", "invalid `Retry-After`", "Retry-After: soon"),
    limited("F9", "`Retry-After` of 11 days", "Retry-After: 999999"),
    limited("F10", "no `Retry-After`", ""),
    FaultCase("F11", "429, `insufficient_quota`", status(429, 429, body=QUOTA), 429, "second"),
    FaultCase("F11", "402", status(402, 429), 429, "second"),
    *_statuses(),
    FaultCase("F13", "503 with an HTML body", status(503, 502, headers=HTML, body=PAGE), 502, "second"),
    FaultCase("F13", "413 with an HTML body", status(413, 413, headers=HTML, body=PAGE), 413, 413),
    FaultCase("F14", "401 for a valid key", status(401, 502), 502, "second"),
    FaultCase("F15", "302", status(302, 502, headers="Location: http://169.254.169.254/\r\n"), 502,
          "second"),
    FaultCase("F16", "no response after the request was read", always(RECV), 504, "second", within_s=40),
    FaultCase("F17", "response headers, then silence", always(RECV, send(stream_head())), 504, "second", STREAMING, 10),
    FaultCase("F18", "pings only", _pings, 504, "second", STREAMING, 10),
    FaultCase("F19", "opening events without content, then silence",
          lambda wire_format, stream: [wire_format.stream_script(after=0)], 504, "second", STREAMING, 10),
    FaultCase("F19", "opening events without content, then an error event", _error_before_content, 502, "second", STREAMING),
    FaultCase("F20", "silence after 40 tokens", cut(), "event", "second", STREAMING, 75, True),
    FaultCase("F20", "pings only after 40 tokens", _pings_after_content, "event", "second", STREAMING, 330, True),
    FaultCase("F21", "connection closed after 40 tokens", cut(pause(0.1), FIN), "event", "second", STREAMING, 10, True),
    FaultCase("F21", "connection closed after 40 tokens, response delimited by close", _delimited_by_close, "event", "second",
          STREAMING, 10, True),
    FaultCase("F21", "connection closed within an event",
          cut(send(http_chunk(b'data: {"choices":[{"index":0,"del')), pause(0.1), FIN), "event", "second", STREAMING, 10, True),
    FaultCase("F21", "connection closed within a non-streaming response", _half_response, 502, "second", NOT_STREAMING),
    FaultCase("F22", "connection reset after 40 tokens", cut(pause(0.1), RST), "event", "second", STREAMING, 10, True),
    FaultCase("F23", "error event after 40 tokens",
          lambda wire_format, stream: [wire_format.stream_script(event(wire_format.error_event), after=40)], "event", "second", STREAMING, 10, True),
    FaultCase("F24", "one event that is not JSON", _invalid_json, "first", "first", STREAMING),
    FaultCase("F24", "malformed error event before any content", _malformed_error, 502, "second", STREAMING),
    FaultCase("F24", "event of more than 8 MiB after 40 tokens", _too_large, "event", "event", STREAMING),
    FaultCase("F25", "complete stream, connection stays open", _stays_open, "first", "first", STREAMING),
    FaultCase("F25", "complete stream without the terminal event", _unterminated, "first", "first", STREAMING),
    FaultCase("F26", "one byte per chunk", _bytewise, "first", "first", STREAMING),
    FaultCase("F26", "CRLF line ends, arbitrary chunk boundaries", _crlf, "first", "first", STREAMING),
    FaultCase("F29", "200 with an error in the body", _error_in_200, 502, "second"),
    FaultCase("F29", "200 with an empty body", _empty, 502, "second"),
    FaultCase("F30", "response is not HTTP", _raw(b"hello there\r\n\r\n"), 502, "second"),
    FaultCase("F30", "response header of 100 kB", _raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n"), 502, "second"),
    FaultCase("F30", "invalid chunk size", _raw(stream_head() + b"zz\r\nboom\r\n"), 502, "second"),
    FaultCase("F32", "unrequested `Content-Encoding: gzip`", encoded("gzip", gzip.compress), "first", "first"),
    FaultCase("F32", "unrequested `Content-Encoding: deflate`", encoded("deflate", zlib.compress), "first", "first"),
    FaultCase("F32", "unrequested `Content-Encoding: br`, or any other", encoded("br", lambda body: body), 502, "second"),
    FaultCase("F32", "`Content-Encoding: gzip` that is not gzip", encoded("gzip", lambda body: body), 502, "second"),
    FaultCase("F32", "truncated gzip", encoded("gzip", lambda body: gzip.compress(body)[:-9]), 502, "second", NOT_STREAMING),
    FaultCase("F32", "gzip that ends after 40 tokens", _half_gzipped, "event", "second", STREAMING, 10, True),
    FaultCase("F32", "gzip that expands to over 64 MiB", encoded("gzip", lambda _: _bomb()), 502, 502, NOT_STREAMING),
    FaultCase("F32", "gzip in a 429",
          status(429, 429, headers="Content-Encoding: gzip\r\nRetry-After: 250\r\n", body=gzip.compress(b'{"error":{"message":"no"}}')),
          429, "second"),
    FaultCase("F32", "non-streaming response over 64 MiB", _large, 502, 502, NOT_STREAMING),
    FaultCase("F33", "9 s between tokens", _slow_tokens, "first", "first", STREAMING, 550),
    FaultCase("F35", "silence for 45 s, then a normal response", _late_response, "first", "second", BOTH, 40),
    FaultCase("F41", "400, context length exceeded (the fallback has a larger context window)", lambda wire_format, stream: [error_response(400, wire_format.context_length_error)], 400, "second"),
    FaultCase("F42", "400, content policy violation", status(400, 400, body=POLICY), 400, 400),
)  # fmt: skip

ELSEWHERE = {
    "F2": "tests/upstream/http1/test_dial.py",
    "F3": "tests/upstream/http1/test_dial.py",
    "F4": "tests/upstream/http1/test_dial.py",
    "F7": "tests/upstream/http1/test_transport.py",
    "F8": "tests/upstream/http1/test_transport.py",
    "F28": "tests/upstream/http1/test_connection.py",
    "F31": "tests/upstream/http1/test_transport.py",
    "F34": "tests/test_server.py",
    "F36": "tests/test_server.py",
    "F37": "tests/resilience/test_breaker.py",
    "F39": "tests/resilience/test_breakers.py",
    "F40": "tests/test_reload.py",
}
"""Numbers that other files test: faults of connecting and of idle connections, of clients, long outages and reload."""
HERE = ("F27", "F38")
"""Numbers that need more than one request; test_catalogue.py tests them separately."""

ENDING_TEXT = {
    "first": "complete answer",
    "second": "complete answer from the fallback",
    "event": "stream ends with an error event",
}


def table() -> str:
    """Return the rows of the table in docs/reference/faults.md."""
    return "\n".join(
        f"| {fault.description} | {_ending_text(fault.alone)} | {_ending_text(fault.fallback)} |" for fault in FAULTS
    )


def _ending_text(ending: Ending) -> str:
    return ENDING_TEXT.get(str(ending), f"error {ending}")
