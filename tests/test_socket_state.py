"""The operating system tells what has arrived at a socket, and what its peer has not received."""

from __future__ import annotations

import asyncio
import select
import socket
import sys

import pytest

from proxy.socket_state import is_hung_up, keep_alive, readability_check, unsent_bytes
from tests.fakes import settle


@pytest.mark.parametrize("has_poll", [True, False])
def test_what_has_arrived_makes_a_socket_readable(monkeypatch: pytest.MonkeyPatch, has_poll: bool) -> None:
    if not has_poll:
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        readable = readability_check(ours.fileno())
        assert not readable()
        theirs.send(b"x")
        assert readable()


def test_a_peer_that_has_disconnected_is_noticed_though_what_it_sent_is_unread() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.send(b"x")
        assert not is_hung_up(ours.fileno())
        theirs.close()
        assert is_hung_up(ours.fileno())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what they hold")
async def test_what_the_system_holds_counts_until_the_peer_has_received_it() -> None:
    loop, (near, far) = asyncio.get_running_loop(), tcp_pair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    with far:
        transport.write(bytes(20_000_000))
        await settle()
        assert unsent_bytes(transport) > transport.get_write_buffer_size() > 0
        received = 0
        async with asyncio.timeout(10):
            while received < 20_000_000:
                received += len(await loop.sock_recv(far, 2**20))
            while unsent_bytes(transport):
                await asyncio.sleep(0)
    transport.close()
    await settle()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    for each in (near, far):
        each.setblocking(False)
    return near, far


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's options")
def test_keep_alive_begins_after_a_minute_on_every_accepted_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        keep_alive(server)
        with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
