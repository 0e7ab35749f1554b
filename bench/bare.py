"""The sidecar's own server and transport with nothing between them: what the pipeline costs is the difference.

`python -m bench.bare FILE` reads the ports from the file: {"listen": 41001, "upstream": 41002}, both of 127.0.0.1."""

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
"""Seconds."""


class BareProxy:
    """Takes a request in whole, and gives the answer out: at once if its length is said, else as it comes."""

    def __init__(self, upstream: int) -> None:
        self._transport = Http1Transport.from_environ({})
        self._host = f"http://127.0.0.1:{upstream}"

    async def __call__(self, wire: web.BaseRequest) -> web.StreamResponse:
        headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
        request = UpstreamRequest(self._host + wire.raw_path, headers, await wire.read())
        answer = await self._transport.send(request, connect_timeout_s=5.0, response_timeout_s=RESPONSE_TIMEOUT_S)
        try:
            return await self._given(wire, answer)
        finally:
            answer.close()

    async def _given(self, wire: web.BaseRequest, answer: UpstreamResponse) -> web.StreamResponse:
        kind = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
        if "Content-Length" in answer.headers:
            parts = []
            while data := await answer.read():
                parts.append(data)
            return web.Response(status=answer.status, headers=kind, body=b"".join(parts))
        given = web.StreamResponse(status=answer.status, headers=kind)
        await given.prepare(wire)
        while data := await answer.read():
            await given.write(data)
        await given.write_eof()
        return given


async def serve(listen: int, upstream: int) -> None:
    """Until it is ended from outside."""
    server = await asyncio.get_running_loop().create_server(build_listener(BareProxy(upstream)), "127.0.0.1", listen)
    tune_garbage_collector()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(**json.loads(Path(sys.argv[1]).read_text())))
