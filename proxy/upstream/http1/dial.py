"""From a route to an open connection: TCP to the provider or its proxy, the proxy's tunnel, TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from proxy.config.files import check_regular
from proxy.errors import ConnectError, EgressError, ParrotError
from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.local_errors import local_connect_error, local_dns_or_tls_error
from proxy.upstream.http1.origin import Origin
from proxy.upstream.http1.proxies import EnvironmentValueError, Proxy, Route
from proxy.upstream.http1.resolver import Address, Resolver

ATTEMPT_DELAY_S = 0.25
"""Seconds before the next address is tried beside one that has not answered (RFC 8305, 5)."""
MAX_CONNECT_RESPONSE_BYTES = 16 * 1024


def check_ssl_cert_file(environ: Mapping[str, str]) -> None:
    """Raise EnvironmentValueError for an SSL_CERT_FILE without certificates, which OpenSSL would ignore in silence."""
    path = environ.get("SSL_CERT_FILE")
    if not path:
        return
    try:
        check_regular(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise EnvironmentValueError(f"SSL_CERT_FILE: {path} holds no certificate; expected a PEM file") from None
    except OSError as error:
        message = f"SSL_CERT_FILE: cannot read {path}: {error.strerror}; expected a PEM file"
        raise EnvironmentValueError(message) from None


def create_ssl_context(ca_file: str | None = None) -> ssl.SSLContext:
    """TLS that verifies names and chains, against that file's authorities or else the system's (or SSL_CERT_FILE's).

    Call it at the start: it reads for up to some hundred milliseconds. Raises OSError.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True)
class Dialer:
    """Opens connections, all with the same TLS settings."""

    tls: ssl.SSLContext
    resolver: Resolver = field(default_factory=Resolver)

    async def dial(self, route: Route, protocol_factory: Callable[[], Connection], timeout_s: float) -> Connection:
        """An open connection within that many seconds, from the name to the last handshake.

        Raises ConnectError (EgressError where this machine has no way to the host), and ResourceExhaustedError."""
        host = route.origin.host
        try:
            async with asyncio.timeout(timeout_s):
                return await self._open(route, protocol_factory)
        except TimeoutError:
            raise ConnectError(f"no connection to {host} within {timeout_s:g} s") from None
        except OSError as error:
            raise local_dns_or_tls_error(error, host) or _connect_failure(error, host) from error

    async def _open(self, route: Route, protocol_factory: Callable[[], Connection]) -> Connection:
        origin, proxy = route
        secure = origin.scheme == "https"
        sock = await self._dial_proxy(proxy) if proxy else await self._dial_host(origin)
        if proxy is not None and route.is_tunnelled:
            await _open_tunnel(sock, origin.host_port, proxy)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _, connection = await asyncio.get_running_loop().create_connection(
            protocol_factory,
            sock=sock,
            ssl=self.tls if secure else None,
            server_hostname=origin.host if secure else None,
        )
        return connection

    async def _dial_proxy(self, proxy: Proxy) -> socket.socket:
        """A socket to the proxy; without it no provider can be reached, whichever it is."""
        try:
            return await self._dial_host(proxy)
        except OSError as error:
            reason = f"no connection to the proxy {proxy.host}: {error.strerror or error}"
            raise local_dns_or_tls_error(error, proxy.host) or EgressError(reason) from error

    async def _dial_host(self, to: Origin | Proxy) -> socket.socket:
        return await connect(await self.resolver.resolve(to.host, to.port))


async def connect(addresses: list[Address], stagger: float = ATTEMPT_DELAY_S) -> socket.socket:
    """A socket to the first that answers; each next joins in after `stagger` seconds, or when one has failed."""
    if len(addresses) == 1:
        return await _connect(addresses[0])
    waiting = list(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    failures: list[Exception] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(_connect(waiting.pop(0))))
            done, _ = await asyncio.wait(
                running, timeout=stagger if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                running.remove(task)
                try:
                    return task.result()
                except (OSError, ParrotError) as failure:
                    failures.append(failure)
        # An address that the other side refused says more than one that this machine has no way to.
        raise min(failures, key=lambda failure: isinstance(failure, ParrotError))
    finally:
        for task in running:
            task.add_done_callback(_close_socket)
            task.cancel()


async def _connect(address: Address) -> socket.socket:
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        if (trouble := local_connect_error(error, address)) is not None:
            raise trouble from error
        raise
    return sock


def _close_socket(loser: asyncio.Task[socket.socket]) -> None:
    if not loser.cancelled() and loser.exception() is None:
        loser.result().close()


async def _open_tunnel(sock: socket.socket, authority: str, proxy: Proxy) -> None:
    """CONNECT (RFC 9110, 9.3.6); the socket is closed where the proxy will not."""
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = await loop.sock_recv(sock, 4096)
            answer += more
            if not more or len(answer) > MAX_CONNECT_RESPONSE_BYTES:
                raise ConnectError(f"the proxy {proxy.host} gave no answer to CONNECT {authority}")
        _check_connect_response(answer, proxy, authority)
    except BaseException:
        sock.close()
        raise


def _check_connect_response(answer: bytes, proxy: Proxy, authority: str) -> None:
    version, _, rest = answer.partition(b" ")
    with suppress(ValueError):
        if version.startswith(b"HTTP/1.") and int(rest[:3]) // 100 == 2 and answer.endswith(b"\r\n\r\n"):
            return
    status = rest[:3].decode("ascii", "replace")
    kind = EgressError if status == "407" else ConnectError  # it is our login that is missing or wrong
    raise kind(f"the proxy {proxy.host} refused CONNECT {authority} ({status})")


def _connect_failure(error: OSError, host: str) -> ConnectError:
    if isinstance(error, ssl.SSLError):
        return ConnectError(f"no TLS with {host}: {_tls_error_text(error)}")
    return ConnectError(f"no connection to {host}: {error.strerror or error}")


def _tls_error_text(error: ssl.SSLError) -> str:
    verification = getattr(error, "verify_message", None)
    return str(verification or error.reason or "the handshake failed").lower().replace("_", " ")
