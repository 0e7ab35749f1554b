"""The promises hold for every client API, at providers that speak it and at others: over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from tests.faults.client_apis import CLIENT_APIS, ClientApi
from tests.faults.rehearsal import Rehearsal, rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, RST, Script, send
from tests.faults.wire_formats import TEXT, WireFormat, error_response, event, stream_head
from tests.virtual_time import virtual_time

each_api = pytest.mark.parametrize("api", CLIENT_APIS.values(), ids=CLIENT_APIS)
each_kind = pytest.mark.parametrize("kind", ["native", "translated"])
SILENT: Sequence[Script] = [[RECV]]


def dialect_of(api: ClientApi, kind: str) -> str:
    return api.native if kind == "native" else api.translated


async def ask(running: Rehearsal, api: ClientApi, *, stream: bool = True) -> tuple[str, tuple[int, bool]]:
    """Send a request and return the text of its stream, the number of its terminal events, and whether it has an error."""
    result = await running.send(api.path, {**api.members, "stream": stream})
    assert result.status == 200
    return api.text(result), api.ends(result)


@each_api
@each_kind
@virtual_time
async def test_a_whole_stream_ends_once(api: ClientApi, kind: str) -> None:
    dialect = dialect_of(api, kind)
    async with rehearsal(routing_yaml(dialect, alone=True), [api.wire(dialect).stream_script()]) as running:
        assert await ask(running, api) == (TEXT, (1, False))
        line = running.log.lines[-1]
        assert (line["outcome"], line["prompt_tokens"], line["completion_tokens"]) == ("ok", 10, 60)
        assert line["cost_usd"] > 0


@each_api
@each_kind
@virtual_time
async def test_a_cut_stream_has_an_error_event_and_no_terminal_event(api: ClientApi, kind: str) -> None:
    dialect = dialect_of(api, kind)
    wire = api.wire(dialect)
    for cut in (FIN, RST, event(wire.error_event)):
        async with rehearsal(routing_yaml(dialect, alone=True), [wire.stream_script(cut, after=20)]) as running:
            text, ends = await ask(running, api)
            assert TEXT.startswith(text) and text and ends == (0, True)
            assert running.log.lines[-1]["outcome"] != "ok"


def failures(wire: WireFormat) -> dict[str, Script]:
    """Return scripts that fail before any content."""
    return {
        "a server error": error_response(500),
        "a rate limit": error_response(429),
        "a reset": [RECV, RST],
        "a stream without content": wire.stream_script(FIN, after=0),
        "an error ahead of content": wire.stream_script(event(wire.error_event), FIN, after=0),
        "an empty stream": [RECV, send(stream_head()), event(wire.ping), FIN],
    }


@each_api
@each_kind
@pytest.mark.parametrize("failure", failures(CLIENT_APIS["messages"].native_wire))
@virtual_time
async def test_a_failure_before_content_is_invisible(api: ClientApi, kind: str, failure: str) -> None:
    first, second = dialect_of(api, kind), dialect_of(api, "translated" if kind == "native" else "native")
    script = failures(api.wire(first))[failure]
    async with rehearsal(routing_yaml(first, second), [script], [api.wire(second).stream_script()]) as running:
        assert await ask(running, api) == (TEXT, (1, False))
        assert running.calls[0] >= 1 and running.calls[1] == 1


@each_api
@each_kind
@virtual_time
async def test_a_failure_without_streaming_is_invisible(api: ClientApi, kind: str) -> None:
    first, second = dialect_of(api, kind), dialect_of(api, "translated" if kind == "native" else "native")
    whole = api.wire(second).response_script(stream=False)
    async with rehearsal(routing_yaml(first, second), [error_response(503)], [whole]) as running:
        result = await running.send(api.whole_path or api.path, {**api.members, "stream": False})
        assert result.status == 200 and TEXT in repr(orjson.loads(result.body))


@each_api
@each_kind
@virtual_time
async def test_a_silent_provider_is_hedged(api: ClientApi, kind: str) -> None:
    first, second = dialect_of(api, kind), dialect_of(api, "translated" if kind == "native" else "native")
    async with rehearsal(routing_yaml(first, second), SILENT, [api.wire(second).stream_script()]) as running:
        assert await ask(running, api) == (TEXT, (1, False))
        assert running.calls == (1, 1)


@each_api
@virtual_time
async def test_a_cut_stream_is_continued_where_it_is_translated(api: ClientApi) -> None:
    wire = api.wire(api.translated)
    cut, whole = wire.stream_script(FIN, after=20), wire.stream_script()
    async with rehearsal(routing_yaml(api.translated, api.translated), [cut], [whole]) as running:
        text, ends = await ask(running, api)
        assert ends == (1, False) and running.calls == (1, 1)
        assert text.startswith(TEXT[:100]) and text.endswith(TEXT[-20:])


@each_api
@each_kind
@virtual_time
async def test_a_disconnect_closes_the_providers_connection_at_once(api: ClientApi, kind: str) -> None:
    dialect, loop = dialect_of(api, kind), asyncio.get_running_loop()
    script = api.wire(dialect).stream_script(after=20)
    async with rehearsal(routing_yaml(dialect, alone=True), [script]) as running:
        request = asyncio.create_task(ask(running, api))
        await asyncio.sleep(5)
        left_at = loop.time()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        [peer] = running.servers[0].peers
        await peer.closed.wait()
        assert peer.closed_at is not None and peer.closed_at <= left_at + 0.1
        assert running.log.lines[-1]["outcome"] == "client_disconnected"
        assert running.sidecar.handler.runtime.load.buffered_bytes == 0


@each_api
@each_kind
@virtual_time
async def test_the_decision_is_in_the_event_with_the_finish_where_it_is_asked_for(api: ClientApi, kind: str) -> None:
    dialect = dialect_of(api, kind)
    async with rehearsal(routing_yaml(dialect, alone=True), [api.wire(dialect).stream_script()]) as running:
        result = await running.send(api.path, {**api.members, "stream": True}, {"X-Route-Explain": "true"})
        [routing] = [found["routing"] for found in result.events if "routing" in found]
        assert routing["attempts"][0]["provider"] == "first" and api.ends(result) == (1, False)


@each_api
@virtual_time
async def test_when_all_have_failed_the_error_is_in_the_callers_envelope(api: ClientApi) -> None:
    file = routing_yaml(api.native, api.translated)
    async with rehearsal(file, [error_response(500)], [error_response(500)]) as running:
        result = await running.send(api.path, {**api.members, "stream": True})
        assert result.status == 502
        error = orjson.loads(result.body)
        name, expected = api.error_word
        assert error["error"][name] == expected and error["error"]["message"]


@each_api
@virtual_time
async def test_an_early_stream_is_kept_open_and_its_failure_is_an_error_event(api: ClientApi) -> None:
    file = routing_yaml(api.translated, alone=True).replace(
        "- sse_passthrough", "- sse_passthrough: {early_commit: 1s, ping: 1s}"
    )
    async with rehearsal(file, SILENT) as running:
        result = await running.send(api.path, {**api.members, "stream": True})
        assert result.status == 200 and api.ping in result.body
        assert api.ends(result) == (0, True)
