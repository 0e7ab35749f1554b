"""The sidecar's server and transport without a pipeline. The difference to the sidecar is the cost of the pipeline.

`python -m bench.bare FILE` reads two loopback ports from the file: {"listen": 41001, "upstream": 41002}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from proxy.cli.loop import tune_garbage_collector
from proxy.messages import UpstreamRequest, UpstreamResponse
from proxy.server import build_listener
from proxy.upstream.http1.transport import Http1Transport

RESPONSE_TIMEOUT_S = 3600.0


class BareProxy:
    """HTTP handler that reads a request completely and forwards it.

    A response with a Content-Length is buffered. Any other is streamed.
    """

    def __init__(self, upstream: int) -> None:
        self._transport = Http1Transport.from_environ({})
        self._host = f"http://127.0.0.1:{upstream}"

    async def __call__(self, http_request: web.BaseRequest) -> web.StreamResponse:
        headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
        request = UpstreamRequest(self._host + http_request.raw_path, headers, await http_request.read())
        upstream_response = await self._transport.send(
            request, connect_timeout_s=5.0, response_timeout_s=RESPONSE_TIMEOUT_S
        )
        try:
            return await self._copy_response(http_request, upstream_response)
        finally:
            upstream_response.close()

    async def _copy_response(
        self, http_request: web.BaseRequest, upstream_response: UpstreamResponse
    ) -> web.StreamResponse:
        headers = {"Content-Type": upstream_response.headers.get("Content-Type", "application/json")}
        if "Content-Length" in upstream_response.headers:
            parts = []
            while data := await upstream_response.read():
                parts.append(data)
            return web.Response(status=upstream_response.status, headers=headers, body=b"".join(parts))
        response = web.StreamResponse(status=upstream_response.status, headers=headers)
        await response.prepare(http_request)
        while data := await upstream_response.read():
            await response.write(data)
        await response.write_eof()
        return response


async def serve(listen: int, upstream: int) -> None:
    """Serve until the process is stopped. Both arguments are ports of 127.0.0.1."""
    server = await asyncio.get_running_loop().create_server(build_listener(BareProxy(upstream)), "127.0.0.1", listen)
    tune_garbage_collector()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(**json.loads(Path(sys.argv[1]).read_text())))
