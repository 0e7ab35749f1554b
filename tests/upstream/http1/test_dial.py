"""Connections are opened to the right host within the timeout, or fail with the right error."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.descriptors import are_exhausted
from proxy.errors import ConnectError, EgressError, ResourceExhaustedError
from proxy.messages import UpstreamRequest
from proxy.upstream.http1 import local_errors
from proxy.upstream.http1.dial import Dialer, check_ssl_variables, connect, create_ssl_context
from proxy.upstream.http1.proxies import EnvironmentValueError, Proxies, Proxy
from proxy.upstream.http1.resolver import Address, Resolver
from proxy.upstream.http1.transport import Http1Transport
from tests.exhaustion import no_descriptors
from tests.faults.server import FIN, RECV, RST, FaultServer, Op, Peer, http_response, send, set_event
from tests.upstream.http1.authority import Authority
from tests.upstream.http1.client import NO_TRUST, OK, cancel_on, fetch, open_response, read_rest, turn_loop, wait_until

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


def loopback_resolver(address: str = "127.0.0.1") -> Resolver:
    """Resolve every name to loopback."""

    async def look_up(host: str, port: int) -> list[Address]:
        return [Address(socket.AF_INET, (address, port))]

    return Resolver(look_up)


def transport_through(proxy: str) -> Http1Transport:
    return Http1Transport(Dialer(NO_TRUST), Proxies.from_environ({"HTTPS_PROXY": proxy}))


def post(url: str) -> UpstreamRequest:
    return UpstreamRequest(url, {}, b"{}")


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that neither accepts nor refuses connections, because its backlog is full."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        port = sock.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
        for filler in fillers:
            filler.close()


# Without TLS.


async def test_a_closed_port_is_a_connect_error(transport: Http1Transport, closed_port: int) -> None:
    with pytest.raises(ConnectError, match=r"^cannot connect to 127\.0\.0\.1: "):
        await open_response(transport, post(f"http://127.0.0.1:{closed_port}/"), connect_timeout_s=5)


async def test_connecting_times_out(transport: Http1Transport, black_hole: int) -> None:
    with pytest.raises(ConnectError, match=r"^cannot connect to 127\.0\.0\.1 within 0\.05 s$"):
        await open_response(transport, post(f"http://127.0.0.1:{black_hole}/"), connect_timeout_s=0.05)


async def test_an_unknown_host_name_is_a_connect_error() -> None:
    async def unknown(host: str, port: int) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(unknown)))
    with pytest.raises(ConnectError, match=r"^cannot connect to nowhere\.test: Name or service not known$"):
        await open_response(transport, post("http://nowhere.test/"), connect_timeout_s=5)


async def test_the_connect_timeout_includes_the_name_lookup() -> None:
    async def slow(host: str, port: int) -> list[Address]:
        await asyncio.sleep(5)
        return []

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(slow)))
    with pytest.raises(ConnectError, match="within 0.05 s"):
        await open_response(transport, post("http://slow.test/"), connect_timeout_s=0.05)
    for task in transport.dialer.resolver._pending.values():
        task.cancel()


async def test_the_next_address_is_tried_when_one_refuses(closed_port: int) -> None:
    async with FaultServer([RECV]) as server:
        sock = await asyncio.wait_for(connect(loopback(closed_port, server.port), 60), 5)
        assert sock.getpeername()[1] == server.port
        sock.close()


async def test_the_next_address_is_tried_while_one_hangs(black_hole: int) -> None:
    async with FaultServer([RECV]) as server:
        sock = await asyncio.wait_for(connect(loopback(black_hole, server.port), 0.01), 5)
        assert sock.getpeername()[1] == server.port
        sock.close()


def loopback(*ports: int) -> list[Address]:
    return [Address(socket.AF_INET, ("127.0.0.1", port)) for port in ports]


async def test_a_second_connected_socket_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    proceed, connecting = asyncio.Event(), []

    async def sock_connect(sock: socket.socket, sockaddr: tuple[str, int]) -> None:
        connecting.append(sock)
        await proceed.wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    race = asyncio.ensure_future(connect(loopback(1, 2), 0.001))
    await wait_until(lambda: len(connecting) == 2)
    proceed.set()
    winner = await race
    assert [sock for sock in connecting if sock.fileno() >= 0] == [winner]
    winner.close()


async def test_a_pending_address_wins_after_the_last_one_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = asyncio.Event()

    async def sock_connect(_: socket.socket, sockaddr: tuple[str, int]) -> None:
        if sockaddr[1] == 2:
            failed.set()
            raise ConnectionRefusedError
        await failed.wait()
        for _ in range(10):
            await asyncio.sleep(0)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    (await connect(loopback(1, 2), 0.001)).close()


async def test_address_families_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    async def sock_connect(_: socket.socket, sockaddr: tuple[str, int]) -> None:
        tried.append(sockaddr[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    six = [Address(socket.AF_INET6, (host, 1, 0, 0)) for host in ("::1", "::2")]
    four = [Address(socket.AF_INET, (host, 1)) for host in ("127.0.0.1", "127.0.0.2")]
    with pytest.raises(ConnectionRefusedError):
        await connect([*six, *four], 60)
    assert tried == ["::1", "127.0.0.1", "::2", "127.0.0.2"]


async def test_cancelling_closes_all_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting: list[socket.socket] = []
    both = asyncio.Event()

    async def sock_connect(sock: socket.socket, _: tuple[str, int]) -> None:
        connecting.append(sock)
        if len(connecting) == 2:
            both.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    await cancel_on(connect(loopback(1, 2), 0.001), both)
    assert [sock.fileno() for sock in connecting] == [-1, -1]


async def test_all_addresses_refusing_is_an_error(closed_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(connect(loopback(*[closed_port] * 3), 60), 5)


# Errors of this machine.


def failing_addresses(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> list[Address]:
    """Return one address per errno, which connecting to it raises."""
    rows = dict(enumerate(numbers))

    async def connect(_: socket.socket, where: tuple[str, int]) -> None:
        raise OSError(rows[where[1]], os.strerror(rows[where[1]]))

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    return [Address(socket.AF_INET, ("127.0.0.1", number)) for number in rows]


async def test_without_descriptors_connecting_is_resource_exhaustion(
    transport: Http1Transport, closed_port: int
) -> None:
    with no_descriptors(), pytest.raises(ResourceExhaustedError, match="^out of resources: too many open files$"):
        await open_response(transport, post(f"http://127.0.0.1:{closed_port}/"), connect_timeout_s=5)


async def test_a_connection_to_a_provider_leaves_the_reserved_descriptors_alone(
    transport: Http1Transport, closed_port: int
) -> None:
    with no_descriptors(spare=5):
        with pytest.raises(ResourceExhaustedError, match="^out of resources: too many open files$"):
            await open_response(transport, post(f"http://127.0.0.1:{closed_port}/"), connect_timeout_s=5)
        assert not are_exhausted()


async def test_without_descriptors_a_failed_lookup_is_resource_exhaustion() -> None:
    async def unknown(host: str, port: int) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(unknown)))
    with no_descriptors(), pytest.raises(ResourceExhaustedError, match="too many open files"):
        await open_response(transport, post("http://nowhere.test/"), connect_timeout_s=5)


@pytest.mark.parametrize(
    ("numbers", "route", "kind"),
    [
        ([errno.ENETUNREACH], False, EgressError),
        ([errno.EHOSTUNREACH] * 2, False, EgressError),
        ([errno.EADDRNOTAVAIL] * 2, True, ResourceExhaustedError),
        ([errno.EADDRNOTAVAIL], False, EgressError),
        ([errno.ENOBUFS, errno.ENOMEM], True, ResourceExhaustedError),
        ([errno.EHOSTUNREACH], True, OSError),
        ([errno.EADDRNOTAVAIL, errno.ECONNREFUSED], False, ConnectionRefusedError),
        ([errno.ECONNREFUSED, errno.ENETUNREACH], False, ConnectionRefusedError),
        ([errno.EMFILE, errno.ECONNREFUSED], True, ConnectionRefusedError),
    ],
)
async def test_a_failure_is_local_only_if_it_is_for_every_address(
    numbers: list[int], route: bool, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_errors, "has_route", lambda address: route)
    with pytest.raises(kind):
        await connect(failing_addresses(monkeypatch, *numbers))


# Through a proxy.


async def test_an_unreachable_proxy_is_an_egress_error(closed_port: int) -> None:
    with pytest.raises(EgressError, match=r"^cannot connect to the proxy 127\.0\.0\.1: ") as raised:
        await open_response(
            transport_through(f"http://user:sk-planted@127.0.0.1:{closed_port}"),
            post("https://h.test/"),
            connect_timeout_s=5,
        )
    assert "sk-planted" not in str(raised.value)


async def test_a_silent_proxy_is_an_egress_error(black_hole: int) -> None:
    with pytest.raises(EgressError, match=r"^cannot connect to the proxy 127\.0\.0\.1: no response in time$"):
        await open_response(
            transport_through(f"127.0.0.1:{black_hole}"), post("https://h.test/"), connect_timeout_s=0.05
        )


async def test_a_provider_that_a_working_proxy_does_not_reach_in_time_is_a_connect_error() -> None:
    async with FaultServer([RECV]) as proxy:
        with pytest.raises(ConnectError, match=r"^cannot connect to h\.test within 0\.05 s$") as raised:
            await open_response(
                transport_through(f"127.0.0.1:{proxy.port}"), post("https://h.test/"), connect_timeout_s=0.05
            )
    assert type(raised.value) is ConnectError


@pytest.mark.parametrize(
    ("status", "kind"), [("407 Proxy Authentication Required", EgressError), ("502 x", ConnectError)]
)
async def test_only_a_407_of_the_proxy_is_an_egress_error(status: str, kind: type[Exception]) -> None:
    async with FaultServer([RECV, send(http_response(b"", status=status))]) as proxy:
        with pytest.raises(ConnectError) as raised:
            await open_response(
                transport_through(f"127.0.0.1:{proxy.port}"), post("https://provider.test/"), connect_timeout_s=5
            )
    assert type(raised.value) is kind


@needs_openssl
async def test_https_goes_through_a_tunnel(authority: Authority) -> None:
    async with FaultServer([RECV, send(OK)], tls=authority.server("provider.test")) as server:
        reader_ready = asyncio.Event()

        async def relay(peer: Peer) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            peer.writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
            reader_ready.set()
            try:
                await asyncio.gather(_copy(peer.reader, writer), _copy(reader, peer.writer))
            finally:
                writer.transport.abort()

        async with FaultServer([RECV, relay]) as proxy:
            environ = {"HTTPS_PROXY": f"http://user:pass@127.0.0.1:{proxy.port}"}
            transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file)), Proxies.from_environ(environ))
            assert await fetch(transport, post("https://provider.test/v1/x")) == b'{"ok":true}'
            transport.close()
        tunnel = proxy.requests[0]
        assert tunnel.line == "CONNECT provider.test:443 HTTP/1.1"
        assert (tunnel.headers["host"], tunnel.headers["proxy-authorization"]) == (
            "provider.test:443",
            "Basic dXNlcjpwYXNz",
        )
        assert server.requests[0].line == "POST /v1/x HTTP/1.1"
        assert "proxy-authorization" not in server.requests[0].headers


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize(
    ("ops", "why"),
    [
        (
            [send(http_response(b"", status="407 Proxy Authentication Required"))],
            r"refused CONNECT provider\.test:443 \(407\)",
        ),
        ([send(b"SSH-2.0-x\r\n\r\n")], "refused CONNECT"),
        ([send(b"HTTP/1.1 200 OK\r\n\r\nand more")], "refused CONNECT"),
        ([send(b"x" * 20000)], "sent no valid response to CONNECT"),
        ([FIN], "sent no valid response to CONNECT"),
        ([RST], "cannot connect to provider.test"),
    ],
    ids=["407", "no http", "speaks first", "endless", "closes", "resets"],
)
async def test_a_failed_connect_request_is_a_connect_error(ops: list[Op], why: str) -> None:
    async with FaultServer([RECV, *ops]) as proxy:
        transport = transport_through(f"http://user:sk-planted@127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectError, match=why) as raised:
            await open_response(transport, post("https://provider.test/"), connect_timeout_s=5)
        assert "sk-planted" not in str(raised.value)
        await asyncio.wait_for(proxy.peers[0].closed.wait(), 5)


async def test_cancelling_the_connect_request_closes_the_connection() -> None:
    received = asyncio.Event()
    async with FaultServer([RECV, set_event(received)]) as proxy:
        transport = transport_through(f"127.0.0.1:{proxy.port}")
        await cancel_on(open_response(transport, post("https://provider.test/"), connect_timeout_s=5), received)
        await asyncio.wait_for(proxy.peers[0].closed.wait(), 5)


# With TLS.


@needs_openssl
async def test_tls_is_verified_and_the_connection_reused(authority: Authority) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(OK)], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file), loopback_resolver()))
        for _ in range(2):
            assert await fetch(transport, post(server.url(host="provider.test"))) == b'{"ok":true}'
        assert len(server.peers) == 1
        transport.close()


@needs_openssl
async def test_nothing_is_pushed_over_tls_while_reading_is_paused(authority: Authority) -> None:
    body = bytes(8 * 2**20)
    async with FaultServer([RECV, send(http_response(body))], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file), loopback_resolver()))
        response = await open_response(transport, post(server.url(host="provider.test")))
        response.transfer.pause()
        before = response.received_bytes
        await turn_loop(100)
        assert response.received_bytes == before < len(body)
        response.transfer.resume()
        assert len(await read_rest(response)) == len(body)
        transport.close()


@needs_openssl
async def test_ssl_cert_file_is_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    async with FaultServer([RECV, send(OK)], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(), loopback_resolver()))
        assert await fetch(transport, post(server.url(host="provider.test"))) == b'{"ok":true}'
        transport.close()


@needs_openssl
@pytest.mark.parametrize(
    ("host", "trusted", "why"),
    [
        ("provider.test", False, "unable to get local issuer certificate|self-signed certificate in certificate chain"),
        ("other.test", True, "hostname mismatch"),
    ],
    ids=["unknown authority", "another name"],
)
async def test_an_invalid_certificate_is_refused(authority: Authority, host: str, trusted: bool, why: str) -> None:
    async with FaultServer([RECV, send(OK)], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(
            Dialer(create_ssl_context(authority.ca_file) if trusted else NO_TRUST, loopback_resolver())
        )
        with pytest.raises(ConnectError, match=f"^TLS handshake with {host} failed: .*({why})"):
            await open_response(transport, post(server.url(host=host)), connect_timeout_s=5)
        assert not server.requests


@needs_openssl
async def test_the_host_name_is_sent_as_sni(authority: Authority) -> None:
    names = []
    context = authority.server("provider.test")
    context.sni_callback = lambda _, name, __: names.append(name)
    async with FaultServer([RECV, send(OK)], tls=context) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file), loopback_resolver()))
        await fetch(transport, post(server.url(host="provider.test")))
        transport.close()
    assert names == ["provider.test"]


async def test_a_stalled_handshake_times_out() -> None:
    async with FaultServer([]) as server:
        transport = Http1Transport(Dialer(NO_TRUST))
        with pytest.raises(ConnectError, match=r"within 0\.1 s"):
            await open_response(transport, post(f"https://127.0.0.1:{server.port}/"), connect_timeout_s=0.1)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_cancelling_the_handshake_closes_the_connection() -> None:
    hello = asyncio.Event()

    async def listen(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        hello.set()

    async with FaultServer([listen]) as server:
        transport = Http1Transport(Dialer(NO_TRUST))
        request = post(f"https://127.0.0.1:{server.port}/")
        await cancel_on(open_response(transport, request, connect_timeout_s=5), hello)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_a_server_without_tls_is_a_connect_error() -> None:
    async with FaultServer([send(http_response())]) as server:
        with pytest.raises(ConnectError, match=r"^TLS handshake with 127\.0\.0\.1 failed: wrong version number"):
            await open_response(
                Http1Transport(Dialer(NO_TRUST)), post(f"https://127.0.0.1:{server.port}/"), connect_timeout_s=5
            )


@needs_openssl
def test_an_ssl_cert_file_with_certificates_is_accepted(authority: Authority) -> None:
    for path in (authority.ca_file, ""):
        check_ssl_variables({"SSL_CERT_FILE": path})
    check_ssl_variables({})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot read {}: No such file or directory"),
        (Path.mkdir, "cannot read {}: it is a directory, not a regular file"),
        (os.mkfifo, "cannot read {}: it is a FIFO, not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "cannot read {}: it is a device, not a regular file"),
        (Path.touch, "{} contains no certificate"),
        (lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nx\n"), "{} contains no certificate"),
        (lambda path: path.write_bytes(b"\xff" * 1000), "{} contains no certificate"),
    ],
    ids=["missing", "directory", "fifo", "device", "empty", "broken", "binary"],
)
def test_an_ssl_cert_file_without_certificates_is_an_error(
    make: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    make(tmp_path / "ca.pem")
    with pytest.raises(EnvironmentValueError) as raised:
        Http1Transport.from_environ({"SSL_CERT_FILE": str(tmp_path / "ca.pem")})
    assert str(raised.value) == f"SSL_CERT_FILE: {message.format(tmp_path / 'ca.pem')}; expected a PEM file"


def test_an_ssl_cert_dir_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    Http1Transport.from_environ({"SSL_CERT_DIR": f"{tmp_path}{os.pathsep}"})
    with pytest.raises(EnvironmentValueError, match=f"^SSL_CERT_DIR: {tmp_path}/none is not a directory$"):
        Http1Transport.from_environ({"SSL_CERT_DIR": f"{tmp_path}{os.pathsep}{tmp_path}/none"})


def test_an_empty_ssl_cert_file_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    usual = create_ssl_context().get_ca_certs()
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert create_ssl_context().get_ca_certs() == usual


def test_a_missing_ca_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        Http1Transport.from_environ({}, "/nowhere.pem")


def test_proxies_and_authorities_come_from_the_environment() -> None:
    made = Http1Transport.from_environ({"HTTPS_PROXY": "http://p:1"})
    assert made.proxies.by_scheme == {"https": Proxy("p", 1)}
    assert made.dialer.tls.get_ca_certs() == create_ssl_context().get_ca_certs()


def test_tls_verification_is_always_on() -> None:
    context = create_ssl_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
