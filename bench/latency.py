"""Latency added by a proxy: the same request, alternately direct and through the proxy, on blocking sockets."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable

from bench.payloads import OPENAI, UNARY_REQUEST, Api
from bench.processes import BenchError

WARM_UP = 50
MAX_PAIRS = 20_000

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def added_latency_ms(direct_port: int, proxy_port: int, api: Api, seconds: float) -> dict[str, float]:
    """Return the difference between proxied and direct requests in milliseconds, at p50 and p99.

    Raises BenchError for a response other than 200.
    """
    to_provider, to_proxy = OPENAI.post(UNARY_REQUEST), api.post(UNARY_REQUEST)
    with _connect(direct_port) as direct, _connect(proxy_port) as through:
        for _ in range(WARM_UP):
            _timed(direct, to_provider), _timed(through, to_proxy)
        pairs: list[tuple[float, float]] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(pairs) < MAX_PAIRS:
            pairs.append((_timed(direct, to_provider), _timed(through, to_proxy)))
    directs, throughs = ([pair[side] for pair in pairs] for side in (0, 1))
    return {f"p{share}": percentile(throughs, share) - percentile(directs, share) for share in (50, 99)}


def percentile(values: list[float], share: int) -> float:
    """Return the smallest value that at least `share` percent of all values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _timed(connection: socket.socket, request: bytes) -> float:
    begin = time.perf_counter()
    connection.sendall(request)
    _read_answer(connection.recv)
    return (time.perf_counter() - begin) * 1000


def _read_answer(receive: Callable[[int], bytes]) -> None:
    data = b""
    end = -1
    while end < 0 or len(data) < end:
        more = receive(65536)
        if not more:
            raise BenchError("the connection was closed before the end of a response")
        data += more
        end = _end_of(data)
    if not data.startswith(b"HTTP/1.1 200"):
        raise BenchError(f"unexpected response: {data[:100]!r}")


def _end_of(data: bytes) -> int:
    """Return the size of the whole response, or -1 while the head is incomplete.

    A chunked response is complete with its last chunk. Until then, return more than there is.
    """
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return -1
    length = _LENGTH.search(data, 0, head + 2)
    if length is not None:
        return head + 4 + int(length[1])
    return len(data) if data.endswith(b"\r\n0\r\n\r\n") else len(data) + 1
