"""Opens the connection for a route: name lookup, TCP to the provider or its proxy, the proxy's tunnel, TLS."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from aiohappyeyeballs import start_connection

from proxy.config.files import check_regular
from proxy.descriptors import is_reserved
from proxy.errors import ConnectError, EgressError, ParrotError
from proxy.socket_state import keep_alive
from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.local_errors import local_connect_error, local_dns_or_tls_error
from proxy.upstream.http1.origin import Origin
from proxy.upstream.http1.proxies import EnvironmentValueError, Proxy, Route
from proxy.upstream.http1.resolver import Address, Resolver

ATTEMPT_DELAY_S = 0.25
"""How long to wait for one address before the next is tried next to it (RFC 8305, 5)."""
MAX_CONNECT_RESPONSE_BYTES = 16 * 1024


def check_ssl_variables(environ: Mapping[str, str]) -> None:
    """Raise EnvironmentValueError for what OpenSSL would silently ignore: a file without certificates, no directory."""
    for folder in environ.get("SSL_CERT_DIR", "").split(os.pathsep):
        if folder and not os.path.isdir(folder):
            raise EnvironmentValueError(f"SSL_CERT_DIR: {folder} is not a directory")
    if path := environ.get("SSL_CERT_FILE"):
        _check_ssl_cert_file(path)


def _check_ssl_cert_file(path: str) -> None:
    try:
        check_regular(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise EnvironmentValueError(f"SSL_CERT_FILE: {path} contains no certificate; expected a PEM file") from None
    except OSError as error:
        message = f"SSL_CERT_FILE: cannot read {path}: {error.strerror}; expected a PEM file"
        raise EnvironmentValueError(message) from None


def create_ssl_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Create the TLS settings: chains and names are verified, against `ca_file`, SSL_CERT_FILE or the system's store.

    Reading the store takes up to some hundred milliseconds, so call it at start-up. Raises OSError.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None and os.environ.get("SSL_CERT_FILE") == "":
        with suppress(OSError):  # with an empty variable OpenSSL reads not even the system's file, if there is one
            context.load_verify_locations(ssl.get_default_verify_paths().openssl_cafile)
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True)
class Dialer:
    """Opens connections to origins, all with the same TLS settings."""

    tls: ssl.SSLContext
    resolver: Resolver = field(default_factory=Resolver)

    async def dial(self, route: Route, protocol_factory: Callable[[], Connection], timeout_s: float) -> Connection:
        """Open a connection. `timeout_s` covers everything from the name lookup to the TLS handshake.

        Raises ConnectError (EgressError if this machine or its proxy is the cause), and ResourceExhaustedError.
        """
        host = route.origin.host
        deadline = asyncio.get_running_loop().time() + timeout_s
        try:
            # Two parts, one deadline: a silent proxy is distinguished from an unreachable provider.
            sock = await (
                self._dial_proxy(route.proxy, deadline) if route.proxy else self._dial_host(route.origin, deadline)
            )
            async with asyncio.timeout_at(deadline):
                return await self._open(sock, route, protocol_factory)
        except TimeoutError:
            raise ConnectError(f"cannot connect to {host} within {timeout_s:g} s") from None
        except OSError as error:
            raise local_dns_or_tls_error(error, host) or _connect_failure(error, host) from error

    async def _open(self, sock: socket.socket, route: Route, protocol_factory: Callable[[], Connection]) -> Connection:
        """Open the proxy's tunnel and TLS on a connected socket, as far as the route has them."""
        origin, proxy = route
        secure = origin.scheme == "https"
        if proxy is not None and route.is_tunnelled:
            await _open_tunnel(sock, origin.host_port, proxy)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(sock)
        _, connection = await asyncio.get_running_loop().create_connection(
            protocol_factory,
            sock=sock,
            ssl=self.tls if secure else None,
            server_hostname=origin.host if secure else None,
        )
        return connection

    async def _dial_proxy(self, proxy: Proxy, deadline: float) -> socket.socket:
        """Connect to the proxy. A failure is an EgressError: without the proxy no provider can be reached."""
        try:
            return await self._dial_host(proxy, deadline)
        except OSError as error:
            cause = "no response in time" if isinstance(error, TimeoutError) else error.strerror or error
            reason = f"cannot connect to the proxy {proxy.host}: {cause}"
            raise local_dns_or_tls_error(error, proxy.host) or EgressError(reason) from error

    async def _dial_host(self, peer: Origin | Proxy, deadline: float) -> socket.socket:
        async with asyncio.timeout_at(deadline):
            return await connect(await self.resolver.resolve(peer.host, peer.port))


async def connect(addresses: list[Address], delay_s: float = ATTEMPT_DELAY_S) -> socket.socket:
    """Return a socket connected to the first address that accepts (Happy Eyeballs, RFC 8305).

    Families alternate. The next address is tried once one has failed or `delay_s` has passed. The others are then
    closed. If all fail, raises the OSError of one that the remote side refused, else the ParrotError of this machine.
    """
    attempts = _ConnectAttempts()
    rows = [(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address.sockaddr) for address in addresses]
    try:
        return await start_connection(
            rows,
            happy_eyeballs_delay=delay_s,
            loop=cast(asyncio.AbstractEventLoop, attempts),
            socket_factory=attempts.create_socket,
        )
    except OSError as error:
        raise min(attempts.errors, key=lambda each: isinstance(each, ParrotError), default=error) from error


class _ConnectAttempts:
    """Stands in for the event loop in `start_connection` and keeps the error of each address.

    `start_connection` merges the errors of all addresses into one, which no longer shows whether this machine failed.
    """

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def create_socket(self, row: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, sockaddr = row
        try:
            return _open_socket(family, kind, protocol)
        except OSError as error:
            self._add(error, Address(family, sockaddr))
            raise

    async def sock_connect(self, sock: socket.socket, sockaddr: tuple[Any, ...]) -> None:
        try:
            await asyncio.get_running_loop().sock_connect(sock, sockaddr)
        except OSError as error:
            self._add(error, Address(sock.family, sockaddr))
            raise

    def _add(self, error: OSError, address: Address) -> None:
        self.errors.append(local_connect_error(error, address) or error)


def _open_socket(family: int, kind: int, protocol: int) -> socket.socket:
    """Open a socket. Raises OSError, also if only descriptors that are reserved for other purposes are left."""
    sock = socket.socket(family, kind, protocol)
    if is_reserved(sock.fileno()):
        sock.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return sock


async def _open_tunnel(sock: socket.socket, authority: str, proxy: Proxy) -> None:
    """Open a tunnel with CONNECT (RFC 9110, 9.3.6). Closes the socket on failure."""
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = await loop.sock_recv(sock, 4096)
            head += data
            if not data or len(head) > MAX_CONNECT_RESPONSE_BYTES:
                raise ConnectError(f"the proxy {proxy.host} sent no valid response to CONNECT {authority}")
        _check_connect_response(head, proxy, authority)
    except BaseException:
        sock.close()
        raise


def _check_connect_response(head: bytes, proxy: Proxy, authority: str) -> None:
    version, _, rest = head.partition(b" ")
    with suppress(ValueError):
        if version.startswith(b"HTTP/1.") and int(rest[:3]) // 100 == 2 and head.endswith(b"\r\n\r\n"):
            return
    status = rest[:3].decode("ascii", "replace")
    kind = EgressError if status == "407" else ConnectError  # 407: the credentials are missing or wrong
    raise kind(f"the proxy {proxy.host} refused CONNECT {authority} ({status})")


def _connect_failure(error: OSError, host: str) -> ConnectError:
    if isinstance(error, ssl.SSLError):
        return ConnectError(f"TLS handshake with {host} failed: {_tls_error_text(error)}")
    return ConnectError(f"cannot connect to {host}: {error.strerror or error}")


def _tls_error_text(error: ssl.SSLError) -> str:
    verification = getattr(error, "verify_message", None)
    return str(verification or error.reason or "unknown reason").lower().replace("_", " ")
