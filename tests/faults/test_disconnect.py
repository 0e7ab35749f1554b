"""A client that disconnects closes the upstream connections at once, and no further provider is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.faults.rehearsal import rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, Script, http_response, send
from tests.faults.wire_formats import WIRE_FORMATS, error_response, stream_head
from tests.virtual_time import virtual_time

OPENAI = WIRE_FORMATS["openai"]
SILENT: Sequence[Script] = [[RECV]]

PHASES = {
    "while the provider is silent": (SILENT, SILENT, 1.0, (1, 0)),
    "after the response headers": ([[RECV, send(stream_head())]], SILENT, 1.0, (1, 0)),
    "while waiting for a rate limit": ([error_response(429, headers="Retry-After: 2\r\n")], SILENT, 1.0, (1, 0)),
    "during a hedged request": (SILENT, SILENT, 9.0, (1, 1)),
    "within the answer": ([OPENAI.stream_script(after=20)], SILENT, 5.0, (1, 0)),
    "during a resume": ([OPENAI.stream_script(FIN, after=20)], SILENT, 5.0, (1, 1)),
    "during a resume, after pings": ([OPENAI.stream_script(FIN, after=20)], SILENT, 40.0, (1, 1)),
}
"""Scripts of both providers, seconds until the client disconnects, and the expected number of calls."""


@pytest.mark.parametrize("phase", PHASES)
@virtual_time
async def test_a_disconnect_closes_all_upstream_connections_at_once(phase: str) -> None:
    await assert_disconnect_closes(*PHASES[phase], stream=True)


WHOLE = http_response(OPENAI.body)
WITHOUT_STREAMING = {
    "while the provider is silent": (SILENT, SILENT, 1.0, (1, 0)),
    "within the answer": ([[RECV, send(WHOLE[:-5])]], SILENT, 1.0, (1, 0)),
    "while waiting for a rate limit": ([error_response(429, headers="Retry-After: 2\r\n")], SILENT, 1.0, (1, 0)),
    "during a hedged request": (SILENT, SILENT, 31.0, (1, 1)),
}


@pytest.mark.parametrize("phase", WITHOUT_STREAMING)
@virtual_time
async def test_a_disconnect_without_streaming_closes_all_upstream_connections_at_once(phase: str) -> None:
    await assert_disconnect_closes(*WITHOUT_STREAMING[phase], stream=False)


async def assert_disconnect_closes(
    first: Sequence[Script], second: Sequence[Script], after: float, calls: tuple[int, int], *, stream: bool
) -> None:
    """Disconnect after that many seconds; every provider's connection must be closed within 100 ms."""
    loop = asyncio.get_running_loop()
    async with rehearsal(routing_yaml(), first, second) as running:
        request = asyncio.create_task(running.send_chat(stream))
        await asyncio.sleep(after)
        disconnected_at = loop.time()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        for server in running.servers:
            for peer in server.peers:
                await peer.closed.wait()
                assert peer.closed_at is not None and peer.closed_at <= disconnected_at + 0.1
        await asyncio.sleep(60)
        assert running.calls == calls
        assert running.log.lines[-1]["outcome"] == "client_disconnected"
        runtime = running.sidecar.handler.runtime
        assert not any(runtime.telemetry.observations.in_flight(target) for target in runtime.telemetry.observations)
        assert runtime.load.requests == runtime.load.buffered_bytes == 0
