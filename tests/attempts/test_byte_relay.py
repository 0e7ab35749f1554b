"""Answers that pass as bytes: relayed as they come, and broken off where they break. More in `tests/test_audio.py`."""

from __future__ import annotations

import pytest

from proxy.errors import OverloadedError, ParrotError, UpstreamDisconnected
from tests.fakes import END, FOREVER, FakeClient, FakeTransport, exchange, generation, request, settle, start_request

FILE = """
pipeline: [access_log, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers: {a: {dialect: openai, base_url: "https://a.test/v1"}}
models: {m: {a: m}}
"""
AUDIO = {"content-type": "audio/mpeg"}


def speak(*reads: object) -> tuple[FakeClient, FakeTransport]:
    transport, served = FakeTransport([(200, AUDIO, list(reads))]), generation(FILE)
    raw = b'{"model": "m", "input": "Hi", "voice": "alloy"}'
    one = exchange(request(path="/v1/audio/speech"), transport=transport, snap=served.snapshot, raw=raw)
    return start_request(one, served.pipeline), transport


async def test_bytes_are_relayed_to_their_end() -> None:
    client, _ = speak(b"one", b"two")
    await client.has_ended.wait()
    assert (client.parts, client.headers["Content-Type"], client.is_closed) == ([b"one", b"two"], "audio/mpeg", False)
    assert [attempt.outcome for attempt in client.attempts] == ["ok"]


@pytest.mark.parametrize("failure, outcome", [
    (UpstreamDisconnected("gone"), "upstream_disconnected"), (OverloadedError("full"), "sidecar_overloaded"),
])  # fmt: skip
async def test_bytes_that_break_close_the_connection(failure: ParrotError, outcome: str) -> None:
    client, _ = speak(b"one", failure)
    await client.has_ended.wait()
    assert (client.parts, client.is_closed) == ([b"one"], True)
    assert [attempt.outcome for attempt in client.attempts] == [outcome]


async def test_a_caller_that_does_not_read_pauses_the_provider() -> None:
    client, transport = speak(b"one", FOREVER)
    await settle()
    client.lifecycle.pause()
    client.lifecycle.resume()
    [transfer] = transport.transfers
    assert (transfer.paused, transfer.resumed) == (1, 1)
    transfer.push(b"two", END)
    await client.has_ended.wait()
    assert client.body == b"onetwo"


async def test_a_caller_that_leaves_aborts_the_call() -> None:
    client, transport = speak(b"one", FOREVER)
    await settle()
    client.disconnect()
    assert transport.transfers[0].aborted == 1
    assert [attempt.outcome for attempt in client.attempts] == ["cancelled"]


async def test_a_process_that_stops_breaks_the_answer_off() -> None:
    client, transport = speak(b"one", FOREVER)
    await settle()
    client.lifecycle.interrupt(OverloadedError("the sidecar is shutting down"))
    await client.has_ended.wait()
    assert transport.transfers[0].aborted == 1 and client.is_closed
