"""Every way a provider is known to fail, and what the caller gets: as data, for the tests and for docs/faults.md."""

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
"""Nobody listens."""


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
        yield FaultCase("F12", f"{number}, always", status(number, alone), alone, "second")


FAULTS: Sequence[FaultCase] = (
    FaultCase("F1", "nobody listens", lambda voice, stream: REFUSED, 502, "second"),
    FaultCase("F5", "closed before it read the request", always(FIN), 502, "second"),
    FaultCase("F6", "reset once it had read the request", always(RECV, RST), 502, "second"),
    limited("F9", "to be tried again in 2 s, and then the same", "Retry-After: 2"),
    limited("F9", "to be tried again at a date", f"Retry-After: {formatdate(4e9, usegmt=True)}"),
    limited("F9", "to be tried again in so many milliseconds", "Retry-After-Ms: 1500"),
    limited("F9", "with a time that is none", "Retry-After: soon"),
    limited("F9", "to be tried again in 11 days", "Retry-After: 999999"),
    limited("F10", "with no time", ""),
    FaultCase("F11", "429 for want of credit", status(429, 429, body=QUOTA), 429, "second"),
    FaultCase("F11", "402", status(402, 429), 429, "second"),
    *_statuses(),
    FaultCase("F13", "503 with a page of HTML", status(503, 502, headers=HTML, body=PAGE), 502, "second"),
    FaultCase("F13", "413 with a page of HTML", status(413, 413, headers=HTML, body=PAGE), 413, 413),
    FaultCase("F14", "401 for a good key", status(401, 502), 502, "second"),
    FaultCase("F15", "302 to somewhere else", status(302, 502, headers="Location: http://169.254.169.254/\r\n"), 502,
          "second"),
    FaultCase("F16", "takes the request and stays silent", always(RECV), 504, "second", within_s=40),
    FaultCase("F17", "headers, and nothing more", always(RECV, send(stream_head())), 504, "second", STREAMED, 10),
    FaultCase("F18", "nothing but pings", _pings, 504, "second", STREAMED, 10),
    FaultCase("F19", "an opening without content, then silence",
          lambda voice, stream: [voice.stream_script(after=0)], 504, "second", STREAMED, 10),
    FaultCase("F19", "an opening without content, then an error event", _broke_at_once, 502, "second", STREAMED),
    FaultCase("F20", "silent after forty tokens", cut(), "event", "second", STREAMED, 45, True),
    FaultCase("F20", "nothing but pings after forty tokens", _pings_after_content, "event", "second", STREAMED, 330, True),
    FaultCase("F21", "closed after forty tokens", cut(pause(0.1), FIN), "event", "second", STREAMED, 10, True),
    FaultCase("F21", "closed after forty tokens, where closing is how an answer ends", _until_close, "event", "second",
          STREAMED, 10, True),
    FaultCase("F21", "closed in the middle of an event",
          cut(send(http_chunk(b'data: {"choices":[{"index":0,"del')), pause(0.1), FIN), "event", "second", STREAMED, 10, True),
    FaultCase("F21", "closed in the middle of a whole answer", _half, 502, "second", WHOLE),
    FaultCase("F22", "reset after forty tokens", cut(pause(0.1), RST), "event", "second", STREAMED, 10, True),
    FaultCase("F23", "an error event after forty tokens",
          lambda voice, stream: [voice.stream_script(event(voice.error_event), after=40)], "event", "second", STREAMED, 10, True),
    FaultCase("F24", "an event that is no JSON among good ones", _no_json, "first", "first", STREAMED),
    FaultCase("F24", "an error that is a list, before any content", _shapeless, 502, "second", STREAMED),
    FaultCase("F24", "an event of over 8 MiB after forty tokens", _too_large, "event", "event", STREAMED),
    FaultCase("F25", "whole, but the connection stays open", _lingers, "first", "first", STREAMED),
    FaultCase("F25", "whole, but without the last word of its format", _unterminated, "first", "first", STREAMED),
    FaultCase("F26", "one byte at a time", _bytewise, "first", "first", STREAMED),
    FaultCase("F26", "other line ends, cut in the middle of everything", _crlf, "first", "first", STREAMED),
    FaultCase("F29", "200 with an error for an answer", _no_answer, 502, "second"),
    FaultCase("F29", "200 with nothing", _empty, 502, "second"),
    FaultCase("F30", "not HTTP at all", _raw(b"hello there\r\n\r\n"), 502, "second"),
    FaultCase("F30", "a header of 100 kB", _raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n"), 502, "second"),
    FaultCase("F30", "a chunk size that is no number", _raw(stream_head() + b"zz\r\nboom\r\n"), 502, "second"),
    FaultCase("F32", "zipped, though it was asked not to", _zipped, 502, "second"),
    FaultCase("F33", "nine seconds between tokens", _drips, "first", "first", STREAMED, 550),
    FaultCase("F35", "silent for 45 s, then well", _late, "first", "second", BOTH, 40),
    FaultCase("F41", "400, the text is too long (the other takes more)", lambda voice, stream: [error_response(400, voice.context_length_error)], 400, "second"),
    FaultCase("F42", "400, against its policy", status(400, 400, body=POLICY), 400, 400),
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
    "first": "the whole answer",
    "second": "the whole answer, from the other",
    "event": "an error event at its end",
}


def table() -> str:
    """The rows of docs/faults.md."""
    return "\n".join(f"| {fault.description} | {_said(fault.alone)} | {_said(fault.fallback)} |" for fault in FAULTS)


def _said(ending: Ending) -> str:
    return ENDING_TEXT.get(str(ending), f"an error, {ending}")
