"""A listener accepts on every address of its hosts, on one port, with the system's backlog; or on a unix socket."""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.config.process_schema import Listen
from proxy.downstream import bind as module
from proxy.downstream.bind import BindError, BoundListener, bind

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's view of a socket")
unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this platform has no unix sockets")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


class Greeting(asyncio.Protocol):
    """Greets every connection."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")
        transport.close()


async def greeting(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await reader.read()
    finally:
        writer.close()


async def greetings(listener: BoundListener, *hosts: str) -> list[bytes]:
    """Return what the listener's port sends on these addresses."""
    port = listener.sockets[0].getsockname()[1]
    return [await greeting(host, port) for host in hosts]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", ("127.0.0.1",), ("127.0.0.1", "127.0.0.1")])
async def test_an_address_is_bound_once_and_the_url_can_be_used(host: str | tuple[str, ...]) -> None:
    listener = await bind(Greeting, Listen(host=host, port=0))
    port = listener.sockets[0].getsockname()[1]
    assert listener.urls == (f"http://127.0.0.1:{port}",)
    assert await greetings(listener, "127.0.0.1") == [b"hello"]
    listener.close()
    listener.close()
    assert not listener.is_serving()
    with pytest.raises(ConnectionRefusedError):
        await greeting("127.0.0.1", port)


@ipv6
@pytest.mark.parametrize(
    ("host", "url_hosts", "answering"),
    [
        ("::1", ["[::1]"], ["::1"]),
        ("::", ["127.0.0.1"], ["127.0.0.1", "::1"]),  # dual stack
        (("::", "0.0.0.0"), ["[::1]", "127.0.0.1"], ["127.0.0.1", "::1"]),
        (("::", "127.0.0.1"), ["[::1]", "127.0.0.1"], ["127.0.0.1", "::1"]),
        (("127.0.0.1", "::1"), ["127.0.0.1", "[::1]"], ["127.0.0.1", "::1"]),
    ],
)
async def test_all_addresses_share_one_port(
    host: str | tuple[str, ...], url_hosts: list[str], answering: list[str]
) -> None:
    listener = await bind(Greeting, Listen(host=host, port=0))
    port = listener.sockets[0].getsockname()[1]
    assert list(listener.urls) == [f"http://{each}:{port}" for each in url_hosts]
    assert await greetings(listener, *answering) == [b"hello"] * len(answering)
    listener.close()


@ipv6
async def test_a_free_port_that_is_taken_on_another_address_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    bind_address, taken = module._bind_address, []

    def occupy(address: Any, port: int, is_dual_stack: bool) -> socket.socket:
        if address.host == "::1" and len(taken) < 3:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "in use")
        return bind_address(address, port, is_dual_stack)

    monkeypatch.setattr(module, "_bind_address", occupy)
    listener = await bind(Greeting, Listen(host=("127.0.0.1", "::1"), port=0))
    assert len(taken) == 3
    assert await greetings(listener, "127.0.0.1", "::1") == [b"hello"] * 2
    listener.close()


def rows(*hosts: str) -> Callable[..., Any]:
    """Return a name lookup that finds these addresses."""

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        families = [
            (socket.AF_INET6, (host, 0, 0, 0)) if ":" in host else (socket.AF_INET, (host, 0)) for host in hosts
        ]
        return [(family, socket.SOCK_STREAM, 6, "", sockaddr) for family, sockaddr in families]

    return getaddrinfo


async def test_a_name_is_bound_on_those_of_its_addresses_that_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rows("192.0.2.1", "127.0.0.1"))
    listener = await bind(Greeting, Listen(host="name.test", port=0))
    assert [sock.getsockname()[0] for sock in listener.sockets] == ["127.0.0.1"]
    listener.close()


@pytest.mark.parametrize("host", ["192.0.2.1", ("127.0.0.1", "192.0.2.1")])
async def test_an_address_of_another_machine_is_an_error_and_nothing_stays_bound(host: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(BindError, match=f"192.0.2.1:{port}") as caught:
        await bind(Greeting, Listen(host=host, port=port))
    assert caught.value.cause.errno == errno.EADDRNOTAVAIL
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_an_unknown_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(BindError, match="nowhere.test:8090"):
        await bind(Greeting, Listen(host="nowhere.test"))


@ipv6
async def test_a_busy_ipv6_address_is_named_in_brackets() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(BindError) as caught:
            await bind(Greeting, Listen(host="::1", port=port))
    assert (caught.value.address, caught.value.cause.errno) == (f"[::1]:{port}", errno.EADDRINUSE)


# The backlog


def max_backlog() -> int:
    return int(Path("/proc/sys/net/core/somaxconn").read_text())


@linux
async def test_as_many_connections_may_wait_as_the_system_allows() -> None:
    listener = await bind(Greeting, Listen(port=0))
    info = listener.sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    backlog = struct.unpack_from("6I", info, 8)[5]  # tcpi_sacked, which is the backlog of a listening socket
    assert backlog == min(max_backlog(), module.BACKLOG)
    listener.close()


@linux
async def test_a_unix_socket_has_the_same_backlog(tmp_path: Path) -> None:
    listener = await bind(Greeting, Listen(unix=str(tmp_path / "s")))
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(min(max_backlog(), 1000))]
    for each in waiting:
        each.setblocking(False)
        each.connect(str(tmp_path / "s"))  # BlockingIOError if the backlog is full, because nothing accepts now
    for each in waiting:
        each.close()
    listener.close()


# Unix sockets


@unix
async def test_a_unix_socket_serves_owner_and_group_and_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = await bind(Greeting, Listen(host="0.0.0.0", unix=str(path)))
    assert listener.urls == (f"unix:{path}",)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    reader, writer = await asyncio.open_unix_connection(str(path))
    assert await reader.read() == b"hello"
    writer.close()
    listener.close()
    assert not path.exists()
    listener.close()


@unix
async def test_a_unix_socket_in_use_is_refused_and_goes_on(tmp_path: Path) -> None:
    listen = Listen(unix=str(tmp_path / "s"))
    first = await bind(Greeting, listen)
    with pytest.raises(BindError, match=str(tmp_path)) as caught:
        await bind(Greeting, listen)
    assert str(caught.value.cause) == "another process is listening on it"
    reader, writer = await asyncio.open_unix_connection(listen.unix)
    assert await reader.read() == b"hello"
    writer.close()
    first.close()


@unix
async def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    listen = Listen(unix=str(tmp_path / "s"))
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s"))
    dead.listen()
    dead.close()
    assert (tmp_path / "s").is_socket()
    listener = await bind(Greeting, listen)
    reader, writer = await asyncio.open_unix_connection(listen.unix)
    assert await reader.read() == b"hello"
    writer.close()
    listener.close()
