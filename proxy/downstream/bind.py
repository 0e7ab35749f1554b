"""Binds a listener: every address of its hosts on one port, or a unix socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from proxy.config.process_schema import Listen
from proxy.downstream.unix_socket import SocketPath, bind_path
from proxy.socket_state import keep_alive

BACKLOG = 65_535
"""Connections that may wait to be accepted. The system lowers it to its own limit (`net.core.somaxconn`)."""
_PORT_ATTEMPTS = 20
"""How many free ports are tried until one is free on all addresses."""
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of an address that this machine does not have."""

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class BindError(Exception):
    """The listener cannot be bound: the address is in use, or not an address of this machine."""

    def __init__(self, address: str, cause: OSError) -> None:
        super().__init__(address)
        self.address = address
        self.cause = cause


@dataclass(frozen=True, slots=True)
class BoundListener:
    """The sockets on which a listener accepts connections."""

    sockets: tuple[socket.socket, ...]
    urls: tuple[str, ...]
    """Where clients on this machine reach it: `http://127.0.0.1:8090`, or `unix:PATH`."""
    _servers: tuple[asyncio.Server, ...]
    _path: SocketPath | None = None

    def is_serving(self) -> bool:
        """Return whether connections are accepted."""
        return any(server.is_serving() for server in self._servers)

    def close(self) -> None:
        """Accept no more connections, and remove the unix socket. May be called twice."""
        for server in self._servers:
            server.close()
        if self._path is not None:
            self._path.remove()


async def bind(factory: ProtocolFactory, listen: Listen) -> BoundListener:
    """Accept connections on every address of the hosts, or on the unix socket. Raises BindError."""
    loop = asyncio.get_running_loop()
    if listen.unix is not None:
        sock, path = _bind_unix(listen.unix)
        unix_server = await loop.create_unix_server(factory, sock=sock, backlog=BACKLOG)
        return BoundListener((sock,), (f"unix:{listen.unix}",), (unix_server,), path)
    hosts = [await _resolve(host, listen.port) for host in listen.hosts]
    sockets = _bind_on_one_port(hosts, listen.port)
    servers = [await loop.create_server(factory, sock=sock, backlog=BACKLOG) for sock in sockets]
    return BoundListener(tuple(sockets), tuple(map(_url, sockets)), tuple(servers))


class _Address(NamedTuple):
    family: int
    host: str
    scope: int
    """Of a link-local IPv6 address."""

    def sockaddr(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        return (self.host, port, 0, self.scope) if self.family == socket.AF_INET6 else (self.host, port)


async def _resolve(host: str, port: int) -> list[_Address]:
    """Return the addresses of a host, which may be a name."""
    loop = asyncio.get_running_loop()
    try:
        rows = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise BindError(_authority(host, port), error) from error
    found = (_Address(family, *_host_and_scope(sockaddr)) for family, _, _, _, sockaddr in rows)
    return list(dict.fromkeys(found))


def _host_and_scope(sockaddr: Sequence[Any]) -> tuple[str, int]:
    return sockaddr[0], sockaddr[3] if len(sockaddr) == 4 else 0


def _bind_on_one_port(hosts: Sequence[Sequence[_Address]], port: int) -> list[socket.socket]:
    """Bind every host. Port 0 is a port that is free on all of them."""
    for _ in range(_PORT_ATTEMPTS - 1):
        try:
            return _bind_hosts(hosts, port)
        except BindError as error:
            if port or error.cause.errno != errno.EADDRINUSE:
                raise
    return _bind_hosts(hosts, port)


def _bind_hosts(hosts: Sequence[Sequence[_Address]], port: int) -> list[socket.socket]:
    every = {address for addresses in hosts for address in addresses}
    # The whole of IPv6 takes in IPv4 too, unless that has an address of its own here.
    is_dual_stack = socket.has_dualstack_ipv6() and all(each.family == socket.AF_INET6 for each in every)
    bound: dict[_Address, socket.socket] = {}
    try:
        for addresses in hosts:
            _bind_host([each for each in addresses if each not in bound], port, is_dual_stack, bound)
    except BaseException:
        _close(bound.values())
        raise
    return list(bound.values())


def _bind_host(
    addresses: Sequence[_Address], port: int, is_dual_stack: bool, bound: dict[_Address, socket.socket]
) -> None:
    """Bind the addresses of one host. Of several, such as those of localhost, this machine need not have all."""
    missing: BindError | None = None
    before = len(bound)
    for address in addresses:
        chosen = port or next((sock.getsockname()[1] for sock in bound.values()), 0)
        try:
            bound[address] = _bind_address(address, chosen, is_dual_stack)
        except OSError as error:
            missing = BindError(_authority(address.host, chosen), error)
            if error.errno not in _NOT_HERE:
                raise missing from error
    if missing is not None and len(bound) == before:
        raise missing


def _bind_address(address: _Address, port: int, is_dual_stack: bool) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would allow two processes to share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_alive(sock)
        if address.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual_stack)
        sock.setblocking(False)
        sock.bind(address.sockaddr(port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _close(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _url(sock: socket.socket) -> str:
    """Return a URL that works on this machine. `0.0.0.0` and `::` are no addresses to connect to."""
    host, port = sock.getsockname()[:2]
    if host == "::":
        v6_only = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        host = "::1" if v6_only else "127.0.0.1"
    return f"http://{_authority('127.0.0.1' if host == '0.0.0.0' else host, port)}"  # noqa: S104 (compared)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind_unix(path: str) -> tuple[socket.socket, SocketPath]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        bound = bind_path(sock, path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise BindError(path, error) from error
    return sock, bound
