"""The sidecar's server and transport without a pipeline. The difference to the sidecar is the cost of the pipeline.

`python -m bench.bare FILE` reads two loopback ports from the file: {"listen": 41001, "upstream": 41002}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from proxy.cli.loop import tune_garbage_collector
from proxy.deadline_timer import DeadlineTimer
from proxy.downstream.client_connection import KEEP_ALIVE_S, ClientConnection
from proxy.errors import ParrotError
from proxy.memory_account import Load
from proxy.messages import Request, Transfer, UpstreamRequest
from proxy.server import Listener
from proxy.upstream.http1.transport import Http1Transport

RESPONSE_TIMEOUT_S = 3600.0


class BareRequest:
    """Forwards one request once its body is complete. A response with a Content-Length is buffered, any other is streamed.

    Has the methods that `ClientConnection` calls, and those of `messages.ResponseSink`.
    """

    def __init__(self, host: BareHost, request: Request, client: ClientConnection) -> None:
        self._host = host
        self._request = request
        self._client = client
        self._transfer: Transfer | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._is_streaming = False

    # Called by the client's connection.

    def start(self) -> None:
        """Forward the request, or wait for its body."""
        if (body := self._client.read_body()) is not None:
            self.end_body(body)

    def feed_body(self, size: int) -> None:
        """Accept a part of the body."""

    def end_body(self, body: bytes) -> None:
        """Forward the request."""
        headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
        request = UpstreamRequest(self._host.upstream + self._request.path, headers, body)
        self._transfer = self._host.transport.send(
            request, self, connect_timeout_s=5.0, response_timeout_s=RESPONSE_TIMEOUT_S
        )

    def pause(self) -> None:
        """Stop reading from the provider."""
        if self._transfer is not None:
            self._transfer.pause()

    def resume(self) -> None:
        """Read on after `pause`."""
        if self._transfer is not None:
            self._transfer.resume()

    def cancel(self) -> None:
        """Stop, because the client has disconnected."""
        if self._transfer is not None:
            self._transfer.abort()

    def fail(self, error: ParrotError) -> None:
        """Answer with an error."""
        self._client.send(error.status, {"Content-Type": "application/json"}, error.body())
        self._client.end_request()

    def check(self, now: float) -> None:
        """Do nothing: only the connections have deadlines."""

    # Called by the transport.

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        """Begin the response if it is streamed."""
        self._status = status
        self._headers = {"Content-Type": headers.get("content-type", "application/json")}
        self._is_streaming = "content-length" not in headers
        if self._is_streaming:
            self._client.start_stream(status, self._headers)

    def on_body(self, data: bytes) -> None:
        """Pass a part of the body on, or keep it."""
        if self._is_streaming:
            self._client.write(data)
        else:
            self._parts.append(data)

    def on_end(self) -> None:
        """End the response."""
        if self._is_streaming:
            self._client.end_stream()
        else:
            self._client.send(self._status, self._headers, b"".join(self._parts))
        self._client.end_request()

    def on_failure(self, failure: ParrotError) -> None:
        """Answer with an error; a response that has begun is cut."""
        if self._is_streaming:
            self._client.close()
            self._client.end_request()
        else:
            self.fail(failure)


class BareHost:
    """Begins the requests of the listener's connections; implements `client_connection.RequestHost`."""

    draining = False

    def __init__(self, upstream: int) -> None:
        self.timer = DeadlineTimer()
        self.load = Load()
        self.transport = Http1Transport.from_environ({})
        self.upstream = f"http://127.0.0.1:{upstream}"

    def wall(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def begin(self, request: Request, client: ClientConnection) -> Any:
        """Return a new request, not yet started."""
        return BareRequest(self, request, client)


class BareListener(Listener):
    """The sidecar's listener, with a host of our own."""

    def __call__(self) -> ClientConnection:
        """Return the protocol of a new connection."""
        host: Any = self.request_handler
        loop = asyncio.get_running_loop()
        return ClientConnection(
            self, host, loop, keepalive_timeout=KEEP_ALIVE_S, access_log=None, auto_decompress=False
        )


async def serve(listen: int, upstream: int) -> None:
    """Serve until the process is stopped. Both arguments are ports of 127.0.0.1."""
    host: Any = BareHost(upstream)
    server = await asyncio.get_running_loop().create_server(BareListener(host), "127.0.0.1", listen)
    tune_garbage_collector()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(**json.loads(Path(sys.argv[1]).read_text())))
