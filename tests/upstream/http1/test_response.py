"""Reading an answer: everything that came is delivered before anything else is said."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import MalformedResponse, UpstreamDisconnected, UpstreamTimeout
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import (
    CHUNKED_HEAD,
    FIN,
    HALF,
    RECV,
    RST,
    FaultServer,
    Op,
    Peer,
    http_chunk,
    http_response,
    send,
    set_event,
    wait_for,
)
from tests.upstream.http1.exchange import END, OK, ask, cancelled, exchange, question, rest, until

EVENT = b"data: 1\n\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_a_stream_is_read_as_it_comes(transport: Http1Transport) -> None:
    more = asyncio.Event()
    script = [RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), wait_for(more), send(http_chunk(b"data: 2\n\n") + END)]
    async with FaultServer(script) as server:
        incoming = await ask(transport, question(server))
        first = await incoming.read()
        more.set()
        assert (first, await incoming.read(), await incoming.read()) == (EVENT, b"data: 2\n\n", b"")


async def test_what_has_come_is_read_in_one_piece(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) * 50 + END)]) as server:
        incoming = await ask(transport, question(server))
        await until(lambda: incoming._source is None)
        assert await incoming.read() == EVENT * 50


@pytest.mark.parametrize(
    ("sent", "end"),
    [
        (CHUNKED_HEAD + http_chunk(EVENT), FIN),
        (CHUNKED_HEAD + http_chunk(EVENT), HALF),
        (CHUNKED_HEAD + http_chunk(EVENT), RST),
        (CHUNKED_HEAD + http_chunk(EVENT) + b"5\r\nda", FIN),
        (CHUNKED_HEAD + http_chunk(EVENT) + b"0\r\n", FIN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + EVENT, FIN),
        (UNTIL_CLOSE + EVENT, RST),
    ],
    ids=["chunked", "half-closed", "reset", "within a chunk", "within the last chunk", "length", "reset until close"],
)
async def test_a_cut_answer_is_delivered_and_then_fails(transport: Http1Transport, sent: bytes, end: Op) -> None:
    read = asyncio.Event()
    async with FaultServer([RECV, send(sent), wait_for(read), end]) as server:
        incoming = await ask(transport, question(server))
        assert (await incoming.read()).startswith(EVENT)
        read.set()
        with pytest.raises(UpstreamDisconnected, match="in the middle of its answer"):
            await rest(incoming)
        with pytest.raises(UpstreamDisconnected):
            await incoming.read()


@pytest.mark.parametrize("end", [FIN, RST], ids=["fin", "rst"])
async def test_what_came_before_the_cut_is_read_after_it(transport: Http1Transport, end: Op) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), end]) as server:
        incoming = await ask(transport, question(server))
        await until(lambda: incoming._failure is not None)
        assert await incoming.read() == EVENT
        with pytest.raises(UpstreamDisconnected):
            await incoming.read()


async def test_what_came_before_a_bad_chunk_is_read_first(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) + b"zz\r\n")]) as server:
        incoming = await ask(transport, question(server))
        assert await incoming.read() == EVENT
        with pytest.raises(MalformedResponse, match="chunk size"):
            await incoming.read()


@pytest.mark.parametrize("end", [FIN, HALF], ids=["closed", "half-closed"])
async def test_without_a_length_the_end_of_the_connection_is_the_end(transport: Http1Transport, end: Op) -> None:
    async with FaultServer([RECV, send(UNTIL_CLOSE + EVENT), end]) as server:
        assert await exchange(transport, question(server)) == EVENT
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED_HEAD + http_chunk(b"data: " + b"x" * 2**21 + b"\n\n") + END,
        http_response(b"data: " + b"x" * 2**21 + b"\n\n"),
    ],
    ids=["chunked", "length"],
)
async def test_a_line_of_two_mebibytes_is_only_bytes(transport: Http1Transport, sent: bytes) -> None:
    async with FaultServer([RECV, send(sent), RECV, send(OK)]) as server:
        assert len(await exchange(transport, question(server))) == 2**21 + 8
        await exchange(transport, question(server))
        assert len(server.peers) == 1


async def test_any_cut_of_the_bytes_gives_the_same_answer(transport: Http1Transport) -> None:
    wire = CHUNKED_HEAD + http_chunk("data: é\r\n\r\n".encode()) + http_chunk(EVENT) + END
    ops = [send(wire[at : at + 1]) for at in range(len(wire))]
    async with FaultServer([RECV, *ops, RECV, *ops]) as server:
        for _ in range(2):
            assert await exchange(transport, question(server)) == "data: é\r\n\r\n".encode() + EVENT
        assert len(server.peers) == 1


async def test_a_read_may_be_cancelled_and_called_again(transport: Http1Transport) -> None:
    waiting, more = asyncio.Event(), asyncio.Event()
    async with FaultServer(
        [RECV, send(CHUNKED_HEAD), set_event(waiting), wait_for(more), send(http_chunk(EVENT) + END)]
    ) as server:
        incoming = await ask(transport, question(server))
        await cancelled(incoming.read(), waiting)
        more.set()
        assert await rest(incoming) == EVENT


async def test_closing_an_unfinished_answer_closes_its_connection(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        incoming = await ask(transport, question(server))
        await incoming.read()
        reading = asyncio.ensure_future(incoming.read())
        await asyncio.sleep(0)
        incoming.close()
        incoming.close()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
        with pytest.raises(UpstreamDisconnected):
            await reading


async def test_a_slow_reader_holds_up_the_provider(transport: Http1Transport) -> None:
    progress: list[int] = []

    async def flood(peer: Peer) -> None:
        for _ in range(400):
            peer.writer.write(http_chunk(b"x" * 65536))
            await peer.writer.drain()
            progress.append(1)

    async with FaultServer([RECV, send(CHUNKED_HEAD), flood, send(END), RECV, send(OK)]) as server:
        incoming = await ask(transport, question(server))
        await until(lambda: incoming._buffered_bytes > 512 * 1024)
        before = -1
        while before != len(progress):
            before = len(progress)
            await asyncio.sleep(0.05)
        assert incoming._buffered_bytes < 1024 * 1024
        assert len(progress) < 400
        assert len(await rest(incoming)) == 400 * 65536
        await exchange(transport, question(server))
        assert len(server.peers) == 1


async def test_silence_is_given_up_on(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        incoming = await ask(transport, question(server))
        incoming.idle_timeout_s = 0.05
        assert await incoming.read() == EVENT
        with pytest.raises(UpstreamTimeout, match=r"127\.0\.0\.1 sent nothing for 0\.05 s"):
            await incoming.read()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_a_deadline_passes_though_bytes_come(transport: Http1Transport) -> None:
    async def drip(peer: Peer) -> None:
        while True:
            peer.writer.write(http_chunk(b": ping\n\n"))
            await peer.writer.drain()
            await asyncio.sleep(0.005)

    async with FaultServer([RECV, send(CHUNKED_HEAD), drip]) as server:
        incoming = await ask(transport, question(server))
        incoming.idle_timeout_s = 30
        incoming.deadline = asyncio.get_running_loop().time() + 0.05
        with pytest.raises(UpstreamTimeout, match="took too long"):
            await rest(incoming)


async def test_a_whole_answer_knows_no_deadline(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        incoming = await ask(transport, question(server))
        incoming.idle_timeout_s = incoming.deadline = 0.0
        assert (incoming.idle_timeout_s, incoming.deadline) == (0.0, 0.0)
        assert await rest(incoming) == b'{"ok":true}'


async def test_the_head_has_a_deadline_of_its_own(transport: Http1Transport) -> None:
    async with FaultServer([RECV]) as server:
        with pytest.raises(UpstreamTimeout, match="did not answer in time"):
            await transport.send(question(server), connect_timeout_s=5, response_timeout_s=0.05)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_the_deadline_of_the_head_ends_with_the_head(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD)]) as server:
        incoming = await transport.send(question(server), connect_timeout_s=5, response_timeout_s=1)
        assert incoming.deadline == float("inf")
        incoming.close()


async def test_a_slow_reader_is_no_silent_provider(transport: Http1Transport) -> None:
    big = b"x" * 2**20
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(big) * 8 + END)]) as server:
        incoming = await ask(transport, question(server))
        incoming.idle_timeout_s = 0.05
        incoming.deadline = asyncio.get_running_loop().time() + 0.1
        await until(lambda: incoming._buffered_bytes > 512 * 1024)
        await asyncio.sleep(0.2)
        assert len(await rest(incoming)) == 8 * len(big)
