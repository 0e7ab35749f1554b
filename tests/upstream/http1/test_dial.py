"""Connections are made to the right provider, in time, or not at all."""

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

from proxy.errors import ConnectError, EgressError, ResourceExhaustedError
from proxy.messages import UpstreamRequest
from proxy.upstream.http1 import dial, local_errors
from proxy.upstream.http1.dial import Dialer, check_ssl_cert_file, connect, create_ssl_context
from proxy.upstream.http1.proxies import EnvironmentValueError, Proxies, Proxy
from proxy.upstream.http1.resolver import Address, Resolver
from proxy.upstream.http1.transport import Http1Transport
from tests.exhaustion import no_descriptors
from tests.faults.server import FIN, RECV, RST, FaultServer, Op, Peer, http_response, send, set_event
from tests.upstream.http1.authority import Authority
from tests.upstream.http1.exchange import NO_TRUST, OK, cancelled, exchange, rest, until
from tests.upstream.http1.exchange import ask as begin

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.found(tmp_path_factory.mktemp("authority"))


def local(address: str = "127.0.0.1") -> Resolver:
    """Every name is this machine."""

    async def look_up(host: str, port: int) -> list[Address]:
        return [Address(socket.AF_INET, (address, port))]

    return Resolver(look_up)


def behind(proxy: str) -> Http1Transport:
    return Http1Transport(Dialer(NO_TRUST), Proxies.from_environ({"HTTPS_PROXY": proxy}))


def ask(url: str) -> UpstreamRequest:
    return UpstreamRequest(url, {}, b"{}")


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that neither accepts nor refuses: its queue is full."""
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


async def test_a_closed_port_is_a_connect_failure(transport: Http1Transport, closed_port: int) -> None:
    with pytest.raises(ConnectError, match=r"^no connection to 127\.0\.0\.1: "):
        await transport.send(ask(f"http://127.0.0.1:{closed_port}/"), connect_timeout_s=5)


async def test_no_answer_to_the_connect_is_given_up_on(transport: Http1Transport, black_hole: int) -> None:
    with pytest.raises(ConnectError, match=r"^no connection to 127\.0\.0\.1 within 0\.05 s$"):
        await transport.send(ask(f"http://127.0.0.1:{black_hole}/"), connect_timeout_s=0.05)


async def test_an_unknown_name_is_a_connect_failure() -> None:
    async def unknown(host: str, port: int) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(unknown)))
    with pytest.raises(ConnectError, match=r"^no connection to nowhere\.test: Name or service not known$"):
        await transport.send(ask("http://nowhere.test/"), connect_timeout_s=5)


async def test_a_slow_name_is_part_of_the_connect_timeout() -> None:
    async def slow(host: str, port: int) -> list[Address]:
        await asyncio.sleep(5)
        return []

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(slow)))
    with pytest.raises(ConnectError, match="within 0.05 s"):
        await transport.send(ask("http://slow.test/"), connect_timeout_s=0.05)
    for task in transport.dialer.resolver._pending.values():
        task.cancel()


async def test_the_next_address_is_tried_when_one_refuses(closed_port: int) -> None:
    async with FaultServer([RECV]) as server:
        addresses = [Address(socket.AF_INET, ("127.0.0.1", port)) for port in (closed_port, server.port)]
        sock = await asyncio.wait_for(connect(addresses, 60), 5)
        assert sock.getpeername()[1] == server.port
        sock.close()


async def test_the_next_address_is_tried_beside_one_that_hangs(black_hole: int) -> None:
    async with FaultServer([RECV]) as server:
        addresses = [Address(socket.AF_INET, ("127.0.0.1", port)) for port in (black_hole, server.port)]
        sock = await asyncio.wait_for(connect(addresses, 0.01), 5)
        assert sock.getpeername()[1] == server.port
        sock.close()


async def test_a_second_connection_that_also_came_about_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    go, made = asyncio.Event(), []

    async def slow(address: Address) -> socket.socket:
        made.append(socket.socket())
        await go.wait()
        return made[address.family]

    monkeypatch.setattr(dial, "_connect", slow)
    racing = asyncio.ensure_future(connect([Address(number, ()) for number in range(2)], 0))
    await until(lambda: len(made) == 2)
    go.set()
    winner = await racing
    await until(lambda: sum(sock.fileno() < 0 for sock in made) == 1)
    winner.close()


async def test_the_last_address_may_fail_while_another_is_still_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = asyncio.Event()

    async def first_is_slow(address: Address) -> socket.socket:
        if address.family:
            failed.set()
            raise ConnectionRefusedError
        await failed.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        return socket.socket()

    monkeypatch.setattr(dial, "_connect", first_is_slow)
    (await connect([Address(number, ()) for number in range(2)], 0)).close()


async def test_when_all_addresses_refuse_it_fails(closed_port: int) -> None:
    addresses = [Address(socket.AF_INET, ("127.0.0.1", closed_port))] * 3
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(connect(addresses, 60), 5)


# Trouble of this machine's own.


def failing(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> list[Address]:
    """Addresses, each of which fails to connect with its number."""
    rows = dict(enumerate(numbers))

    async def connect(_: socket.socket, where: tuple[str, int]) -> None:
        raise OSError(rows[where[1]], os.strerror(rows[where[1]]))

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    return [Address(socket.AF_INET, ("127.0.0.1", number)) for number in rows]


async def test_without_a_descriptor_it_is_no_failure_of_the_provider(
    transport: Http1Transport, closed_port: int
) -> None:
    with no_descriptors(), pytest.raises(ResourceExhaustedError, match="^out of resources: too many open files$"):
        await transport.send(ask(f"http://127.0.0.1:{closed_port}/"), connect_timeout_s=5)


async def test_without_a_descriptor_a_name_is_not_unknown() -> None:
    async def unknown(host: str, port: int) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(unknown)))
    with no_descriptors(), pytest.raises(ResourceExhaustedError, match="too many open files"):
        await transport.send(ask("http://nowhere.test/"), connect_timeout_s=5)


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
async def test_it_is_ours_if_it_is_for_every_address(
    numbers: list[int], route: bool, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_errors, "has_route", lambda address: route)
    with pytest.raises(kind):
        await connect(failing(monkeypatch, *numbers))


# Through a proxy.


async def test_a_proxy_that_is_down_is_no_failure_of_the_provider(closed_port: int) -> None:
    with pytest.raises(EgressError, match=r"^no connection to the proxy 127\.0\.0\.1: ") as raised:
        await behind(f"http://user:sk-planted@127.0.0.1:{closed_port}").send(
            ask("https://h.test/"), connect_timeout_s=5
        )
    assert "sk-planted" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "kind"), [("407 Proxy Authentication Required", EgressError), ("502 x", ConnectError)]
)
async def test_only_a_login_that_the_proxy_refuses_is_ours(status: str, kind: type[Exception]) -> None:
    async with FaultServer([RECV, send(http_response(b"", status=status))]) as proxy:
        with pytest.raises(ConnectError) as raised:
            await behind(f"127.0.0.1:{proxy.port}").send(ask("https://provider.test/"), connect_timeout_s=5)
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
            assert await exchange(transport, ask("https://provider.test/v1/x")) == b'{"ok":true}'
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
        ([send(b"x" * 20000)], "gave no answer to CONNECT"),
        ([FIN], "gave no answer to CONNECT"),
        ([RST], "no connection to provider.test"),
    ],
    ids=["407", "no http", "speaks first", "endless", "closes", "resets"],
)
async def test_a_proxy_that_will_not_is_a_connect_failure(ops: list[Op], why: str) -> None:
    async with FaultServer([RECV, *ops]) as proxy:
        transport = behind(f"http://user:sk-planted@127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectError, match=why) as raised:
            await transport.send(ask("https://provider.test/"), connect_timeout_s=5)
        assert "sk-planted" not in str(raised.value)
        await asyncio.wait_for(proxy.peers[0].closed.wait(), 5)


async def test_cancelling_in_the_tunnel_closes_the_connection() -> None:
    asked = asyncio.Event()
    async with FaultServer([RECV, set_event(asked)]) as proxy:
        transport = behind(f"127.0.0.1:{proxy.port}")
        await cancelled(transport.send(ask("https://provider.test/"), connect_timeout_s=5), asked)
        await asyncio.wait_for(proxy.peers[0].closed.wait(), 5)


# With TLS.


@needs_openssl
async def test_tls_is_verified_against_the_file_and_kept(authority: Authority) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(OK)], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file), local()))
        for _ in range(2):
            assert await exchange(transport, ask(server.url(host="provider.test"))) == b'{"ok":true}'
        assert len(server.peers) == 1
        transport.close()


@needs_openssl
async def test_a_slow_reader_holds_up_a_provider_behind_tls_too(authority: Authority) -> None:
    body = bytes(8 * 2**20)
    async with FaultServer([RECV, send(http_response(body))], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file), local()))
        incoming = await begin(transport, ask(server.url(host="provider.test")))
        await until(lambda: incoming._buffered_bytes > 512 * 1024)
        for _ in range(100):
            await asyncio.sleep(0)
        assert incoming._buffered_bytes < 2 * 2**20
        assert len(await rest(incoming)) == len(body)
        transport.close()


@needs_openssl
async def test_ssl_cert_file_is_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    async with FaultServer([RECV, send(OK)], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(), local()))
        assert await exchange(transport, ask(server.url(host="provider.test"))) == b'{"ok":true}'
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
async def test_a_certificate_that_does_not_fit_is_refused(
    authority: Authority, host: str, trusted: bool, why: str
) -> None:
    async with FaultServer([RECV, send(OK)], tls=authority.server("provider.test")) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file) if trusted else NO_TRUST, local()))
        with pytest.raises(ConnectError, match=f"^no TLS with {host}: .*({why})"):
            await transport.send(ask(server.url(host=host)), connect_timeout_s=5)
        assert not server.requests


@needs_openssl
async def test_the_name_is_told_before_the_certificate_is_chosen(authority: Authority) -> None:
    names = []
    context = authority.server("provider.test")
    context.sni_callback = lambda _, name, __: names.append(name)
    async with FaultServer([RECV, send(OK)], tls=context) as server:
        transport = Http1Transport(Dialer(create_ssl_context(authority.ca_file), local()))
        await exchange(transport, ask(server.url(host="provider.test")))
        transport.close()
    assert names == ["provider.test"]


async def test_a_handshake_that_stalls_is_given_up_on() -> None:
    async with FaultServer([]) as server:
        transport = Http1Transport(Dialer(NO_TRUST))
        with pytest.raises(ConnectError, match=r"within 0\.1 s"):
            await transport.send(ask(f"https://127.0.0.1:{server.port}/"), connect_timeout_s=0.1)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_cancelling_in_the_handshake_closes_the_connection() -> None:
    hello = asyncio.Event()

    async def listen(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        hello.set()

    async with FaultServer([listen]) as server:
        transport = Http1Transport(Dialer(NO_TRUST))
        request = ask(f"https://127.0.0.1:{server.port}/")
        await cancelled(transport.send(request, connect_timeout_s=5), hello)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_a_server_without_tls_is_a_connect_failure() -> None:
    async with FaultServer([send(http_response())]) as server:
        with pytest.raises(ConnectError, match=r"^no TLS with 127\.0\.0\.1: wrong version number"):
            await Http1Transport(Dialer(NO_TRUST)).send(ask(f"https://127.0.0.1:{server.port}/"), connect_timeout_s=5)


@needs_openssl
def test_an_ssl_cert_file_with_certificates_is_taken(authority: Authority) -> None:
    for path in (authority.ca_file, ""):
        check_ssl_cert_file({"SSL_CERT_FILE": path})
    check_ssl_cert_file({})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot read {}: No such file or directory"),
        (Path.mkdir, "cannot read {}: it is a directory, not a regular file"),
        (os.mkfifo, "cannot read {}: it is a FIFO, not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "cannot read {}: it is a device, not a regular file"),
        (Path.touch, "{} holds no certificate"),
        (lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nx\n"), "{} holds no certificate"),
        (lambda path: path.write_bytes(b"\xff" * 1000), "{} holds no certificate"),
    ],
    ids=["missing", "directory", "fifo", "device", "empty", "broken", "binary"],
)
def test_an_ssl_cert_file_without_certificates_is_refused_by_name(
    make: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    make(tmp_path / "ca.pem")
    with pytest.raises(EnvironmentValueError) as raised:
        Http1Transport.from_environ({"SSL_CERT_FILE": str(tmp_path / "ca.pem")})
    assert str(raised.value) == f"SSL_CERT_FILE: {said.format(tmp_path / 'ca.pem')}; expected a PEM file"


def test_a_missing_file_of_authorities_is_seen_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        Http1Transport.from_environ({}, "/nowhere.pem")


def test_proxies_and_trust_come_from_the_environment() -> None:
    made = Http1Transport.from_environ({"HTTPS_PROXY": "http://p:1"})
    assert made.proxies.by_scheme == {"https": Proxy("p", 1)}
    assert made.dialer.tls.get_ca_certs() == create_ssl_context().get_ca_certs()


def test_tls_is_never_turned_off() -> None:
    context = create_ssl_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
