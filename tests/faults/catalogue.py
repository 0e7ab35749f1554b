"""Every way a provider is known to fail, and what the caller gets: as data, for the tests and for docs/reference/faults.md."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import chain, repeat
from typing import Literal

from proxy.sse import encode
from tests.faults.rehearsal import pause
from tests.faults.server import FIN, RECV, RST, Op, Script, http_chunk, http_response, send
from tests.faults.wire_formats import CLOSING, WireFormat, error_response, event, stream_head

Ending = int | Literal["first", "second", "event"]
"""What the caller gets: that status; the whole answer of the first or second provider; or a stream that ends with an
error event."""
Scripts = Callable[[WireFormat, bool], Sequence[Script]]
BOTH, STREAMED, WHOLE = (True, False), (True,), (False,)
REFUSED: Sequence[Script] = ()
"""The port is closed."""


@dataclass(frozen=True)
class FaultCase:
    """One way to fail."""

    number: str
    """As the tests name it."""
    description: str
    scripts: Scripts
    alone: Ending
    """With no other provider."""
    fallback: Ending
    """With a healthy second one."""
    modes: Sequence[bool] = BOTH
    """Streamed or not."""
    within_s: float = 10.0
    """Seconds in which it is over with a second provider."""
    resumes: bool = False
    """Whether the second one goes on where the first broke off; with `resume: off` it is as if alone."""


def status(number: int, alone: Ending, fallback: Ending = "second", *, headers: str = "", body: bytes = b"") -> Scripts:
    """Always that refusal."""
    return lambda voice, stream: [error_response(number, body or b'{"error":{"message":"no"}}', headers)]


def always(*ops: Op) -> Scripts:
    """The same on every connection."""
    return lambda voice, stream: [ops]


def cut(*ops: Op) -> Scripts:
    """Forty tokens, then these."""
    return lambda voice, stream: [voice.stream_script(*ops, after=40)]


def limited(number: str, what: str, header: str, within: float = 10.0) -> FaultCase:
    """A 429 with that header line."""
    return FaultCase(number, f"429, {what}", status(429, 429, headers=f"{header}\r\n" if header else ""), 429, "second",
                 within_s=within)  # fmt: skip


def _no_answer(voice: WireFormat, stream: bool) -> Sequence[Script]:
    body = b'{"error":{"message":"upstream failed","code":"server_error"}}'
    return [[RECV, send(http_response(body, headers=f"{CLOSING}Content-Type: application/json\r\n")), FIN]]


def _empty(voice: WireFormat, stream: bool) -> Sequence[Script]:
    kind = "text/event-stream" if stream else "application/json"
    return [[RECV, send(http_response(b"", headers=f"{CLOSING}Content-Type: {kind}\r\n")), FIN]]


def _pings(voice: WireFormat, stream: bool) -> Sequence[Script]:
    return [[RECV, send(stream_head()), *chain.from_iterable(repeat((pause(5), send(http_chunk(voice.ping))), 200))]]


def _pings_after_content(voice: WireFormat, stream: bool) -> Sequence[Script]:
    ping = (pause(20), send(http_chunk(voice.ping)))
    return [voice.stream_script(*chain.from_iterable(repeat(ping, 40)), after=40)]


def _broke_at_once(voice: WireFormat, stream: bool) -> Sequence[Script]:
    return [[RECV, send(stream_head()), *map(event, (*voice.opening, voice.error_event)), send(http_chunk(b"")), FIN]]


def _until_close(voice: WireFormat, stream: bool) -> Sequence[Script]:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return [[RECV, send(start + b"".join((*voice.opening, *voice.tokens[:40]))), pause(0.1), FIN]]


def _shapeless(voice: WireFormat, stream: bool) -> Sequence[Script]:
    return [
        [
            RECV,
            send(stream_head()),
            *map(event, (*voice.opening, encode(b'{"error":["boom"]}'))),
            send(http_chunk(b"")),
            FIN,
        ]
    ]


def _too_large(voice: WireFormat, stream: bool) -> Sequence[Script]:
    return [voice.stream_script(*[send(http_chunk(b"data: " + b"x" * 2**20))] * 9, after=40)]


def _no_json(voice: WireFormat, stream: bool) -> Sequence[Script]:
    broken = encode(b'{"type":"content_block_delta","choices":[{"del')
    return [replace(voice, tokens=(*voice.tokens[:9], broken, *voice.tokens[9:])).stream_script()]


def _lingers(voice: WireFormat, stream: bool) -> Sequence[Script]:
    return [voice.stream_script()[:-2]]


def _unterminated(voice: WireFormat, stream: bool) -> Sequence[Script]:
    return [[*replace(voice, closing=voice.closing[:2], done=b"").stream_script()[:-2], FIN]]


def _bytewise(voice: WireFormat, stream: bool) -> Sequence[Script]:
    data = b"".join(voice.events)
    return [
        [
            RECV,
            send(stream_head()),
            send(b"".join(http_chunk(data[at : at + 1]) for at in range(len(data))) + http_chunk(b"")),
            FIN,
        ]
    ]


def _crlf(voice: WireFormat, stream: bool) -> Sequence[Script]:
    data = b"".join(voice.events).replace(b"\n", b"\r\n")
    cuts = (data[at : at + 7] for at in range(0, len(data), 7))
    return [[RECV, send(stream_head()), send(b"".join(map(http_chunk, cuts)) + http_chunk(b"")), FIN]]


def _zipped(voice: WireFormat, stream: bool) -> Sequence[Script]:
    kind = "text/event-stream" if stream else "application/json"
    body = gzip.compress(b"".join(voice.events) if stream else voice.body)
    return [
        [RECV, send(http_response(body, headers=f"{CLOSING}Content-Type: {kind}\r\nContent-Encoding: gzip\r\n")), FIN]
    ]


def _drips(voice: WireFormat, stream: bool) -> Sequence[Script]:
    first, *rest = voice.tokens
    slow = chain.from_iterable((pause(9), event(data)) for data in rest)
    start = [*map(event, voice.opening), event(first)]
    return [
        [
            RECV,
            send(stream_head()),
            *start,
            *slow,
            *map(event, (*voice.closing, voice.done)),
            send(http_chunk(b"")),
            FIN,
        ]
    ]


def _late(voice: WireFormat, stream: bool) -> Sequence[Script]:
    recv, *rest = voice.response_script(stream)
    return [[recv, pause(45), *rest]]


def _raw(data: bytes) -> Scripts:
    return always(RECV, send(data), FIN)


def _half(voice: WireFormat, stream: bool) -> Sequence[Script]:
    whole = http_response(voice.body, headers=CLOSING)
    return [[RECV, send(whole[: len(whole) // 2]), FIN]]


PAGE = b"<html><body>cloud edge error</body></html>"
HTML = "Content-Type: text/html\r\n"
QUOTA = b'{"error":{"message":"no credit","type":"insufficient_quota","code":"insufficient_quota"}}'
POLICY = b'{"error":{"message":"not that","code":"content_policy_violation"}}'
_5XX = ((500, 502), (502, 502), (503, 502), (504, 504), (520, 502), (529, 503), (530, 502))


def _statuses() -> Iterator[FaultCase]:
    for number, alone in _5XX:
        yield FaultCase("F12", str(number), status(number, alone), alone, "second")


FAULTS: Sequence[FaultCase] = (
    FaultCase("F1", "connection refused", lambda voice, stream: REFUSED, 502, "second"),
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
    FaultCase("F17", "response headers, then silence", always(RECV, send(stream_head())), 504, "second", STREAMED, 10),
    FaultCase("F18", "pings only", _pings, 504, "second", STREAMED, 10),
    FaultCase("F19", "opening events without content, then silence",
          lambda voice, stream: [voice.stream_script(after=0)], 504, "second", STREAMED, 10),
    FaultCase("F19", "opening events without content, then an error event", _broke_at_once, 502, "second", STREAMED),
    FaultCase("F20", "silence after 40 tokens", cut(), "event", "second", STREAMED, 45, True),
    FaultCase("F20", "pings only after 40 tokens", _pings_after_content, "event", "second", STREAMED, 330, True),
    FaultCase("F21", "connection closed after 40 tokens", cut(pause(0.1), FIN), "event", "second", STREAMED, 10, True),
    FaultCase("F21", "connection closed after 40 tokens, response delimited by close", _until_close, "event", "second",
          STREAMED, 10, True),
    FaultCase("F21", "connection closed within an event",
          cut(send(http_chunk(b'data: {"choices":[{"index":0,"del')), pause(0.1), FIN), "event", "second", STREAMED, 10, True),
    FaultCase("F21", "connection closed within a non-streaming response", _half, 502, "second", WHOLE),
    FaultCase("F22", "connection reset after 40 tokens", cut(pause(0.1), RST), "event", "second", STREAMED, 10, True),
    FaultCase("F23", "error event after 40 tokens",
          lambda voice, stream: [voice.stream_script(event(voice.error_event), after=40)], "event", "second", STREAMED, 10, True),
    FaultCase("F24", "one event that is not JSON", _no_json, "first", "first", STREAMED),
    FaultCase("F24", "malformed error event before any content", _shapeless, 502, "second", STREAMED),
    FaultCase("F24", "event of more than 8 MiB after 40 tokens", _too_large, "event", "event", STREAMED),
    FaultCase("F25", "complete stream, connection stays open", _lingers, "first", "first", STREAMED),
    FaultCase("F25", "complete stream without the terminal event", _unterminated, "first", "first", STREAMED),
    FaultCase("F26", "one byte per chunk", _bytewise, "first", "first", STREAMED),
    FaultCase("F26", "CRLF line ends, arbitrary chunk boundaries", _crlf, "first", "first", STREAMED),
    FaultCase("F29", "200 with an error in the body", _no_answer, 502, "second"),
    FaultCase("F29", "200 with an empty body", _empty, 502, "second"),
    FaultCase("F30", "response is not HTTP", _raw(b"hello there\r\n\r\n"), 502, "second"),
    FaultCase("F30", "response header of 100 kB", _raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n"), 502, "second"),
    FaultCase("F30", "invalid chunk size", _raw(stream_head() + b"zz\r\nboom\r\n"), 502, "second"),
    FaultCase("F32", "unrequested `Content-Encoding: gzip`", _zipped, 502, "second"),
    FaultCase("F33", "9 s between tokens", _drips, "first", "first", STREAMED, 550),
    FaultCase("F35", "silence for 45 s, then a normal response", _late, "first", "second", BOTH, 40),
    FaultCase("F41", "400, context length exceeded (the fallback has a larger context window)", lambda voice, stream: [error_response(400, voice.context_length_error)], 400, "second"),
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
"""The faults of connecting, of connections kept, of clients, of long outages and of the file: tested where they belong."""
HERE = ("F27", "F38")
"""Faults that take more than one request, beside the catalogue."""

ENDING_TEXT = {
    "first": "complete answer",
    "second": "complete answer from the fallback",
    "event": "stream ends with an error event",
}


def table() -> str:
    """The rows of docs/reference/faults.md."""
    return "\n".join(
        f"| {fault.description} | {_ending_text(fault.alone)} | {_ending_text(fault.fallback)} |" for fault in FAULTS
    )


def _ending_text(ending: Ending) -> str:
    return ENDING_TEXT.get(str(ending), f"error {ending}")
