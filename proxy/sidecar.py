"""A running sidecar: its listener, what it needs, and how it starts and stops."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

from structlog.typing import FilteringBoundLogger

from proxy.config import schema
from proxy.config.document import ConfigError, Problem
from proxy.config.schema import Listen
from proxy.config.snapshot import Provider
from proxy.control.admin import Admin
from proxy.control.metrics import Metrics
from proxy.control.probing import Probing
from proxy.control.watch import Watch
from proxy.descriptors import max_clients
from proxy.exchange import Services
from proxy.generation import Generation
from proxy.middleware.auth import Auth
from proxy.reload import Make, Reloader
from proxy.server import Front, Listener, listener
from proxy.tracing.switch import Tracing, tracing
from proxy.upstream.http1.transport import Http1Transport
from proxy.upstream.probe import Prober

_LAST = 0.1
"""Seconds that connections get to close; aiohttp takes 0 for no limit at all."""
_CUT = 1.0
"""Seconds in which streams that outlasted the drain are told so."""


class Exposed(Exception):
    """The listener would be open to a network without asking for a key."""


class CannotListen(Exception):
    """An address is taken, or not this machine's."""

    def __init__(self, where: str, cause: OSError) -> None:
        super().__init__(where)
        self.where = where
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Launch:
    """What a sidecar is started with."""

    generation: Generation
    path: str
    """The file it came from, and is read from again."""
    make: Make
    log: FilteringBoundLogger
    listen: Listen
    admin: schema.Admin


@dataclass(slots=True)
class Sidecar:
    """Serves until it is stopped."""

    front: Front
    reloader: Reloader
    transport: Http1Transport
    listener: Listener
    server: asyncio.Server
    admin_listener: Listener
    admin_server: asyncio.Server
    watching: asyncio.Task[None]
    """The file."""
    looking: asyncio.Task[None]
    """At the providers' health."""
    probing: Probing
    tracing: Tracing | None

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8090`, or the unix socket's path."""
        return _url(self.server)

    @property
    def admin_url(self) -> str:
        """Where probes are answered."""
        return _url(self.admin_server)

    async def stop(self) -> None:
        """Not ready at once; accept for the drain's delay more; let what is in hand finish; close the rest."""
        drain = self.front.generation.snapshot.drain
        self.front.draining = True
        self.watching.cancel()
        self.looking.cancel()
        try:
            await self.probing.stop()
            if drain.delay:
                await asyncio.sleep(drain.delay)
            self.server.close()
            self.front.services.feed.close()
            if not await _within(drain.timeout, self.front.drained()):
                self.front.cut()
                await _within(_CUT, self.front.drained())
            await self.listener.shutdown(_LAST)
            self.admin_server.close()
            await self.admin_listener.shutdown(_LAST)
        finally:  # also when it is told to wait no longer
            self._close()
        if self.tracing is not None:
            await self.tracing.close()

    def _close(self) -> None:
        for server, listening in ((self.server, self.listener), (self.admin_server, self.admin_listener)):
            server.close()
            for connection in listening.connections:
                connection.force_close()
        self.transport.close()


async def start(launch: Launch) -> Sidecar:
    """A running sidecar. Raises Exposed for an open listener without keys, and CannotListen."""
    check_exposure(launch.listen, launch.generation)
    traces = tracing(os.environ, launch.log)
    launch = _traced(launch, traces)
    transport = Http1Transport.of(os.environ)
    services = Services(transport, launch.log, clock=time.monotonic, wall=time.time, suspect=lambda: reloader.suspect())
    front = Front(services, launch.generation)
    probing = Probing(services, Prober(transport.dialer.tls, transport.proxies).ask)
    _log_disabled(launch.log, {}, launch.generation.snapshot.providers)
    put = partial(_put, front, probing)
    reloader = Reloader(launch.path, _exposing(launch), launch.generation, put, launch.log)
    serving = listener(front)
    serving.max_connections, serving.on_full = max_clients(), services.local_trouble.warn
    server = await _bound(serving, launch.listen)
    watch = Watch(services, lambda: front.generation.snapshot)
    metrics = Metrics(services, watch, lambda: reloader.last, reloader.counts)
    key = launch.admin.key
    admin = listener(
        Admin(lambda: reloader.last, reloader.reload, front.drain, lambda: not front.draining, key, metrics)
    )
    try:
        admin_server = await _bound(admin, Listen(host=launch.admin.host, port=launch.admin.port))
    except CannotListen:
        server.close()
        raise
    probing.take(launch.generation.snapshot)
    watching = asyncio.create_task(reloader.watch())
    looking = asyncio.create_task(watch.run())
    for task in (watching, looking):
        task.add_done_callback(partial(_tell, launch.log))
    listening = serving, server, admin, admin_server
    return Sidecar(front, reloader, transport, *listening, watching, looking, probing, traces)


def _put(front: Front, probing: Probing, generation: Generation) -> None:
    """Activate a generation, for requests and for probes."""
    before, after = front.generation.snapshot.providers, generation.snapshot.providers
    front.put(generation)
    probing.take(generation.snapshot)
    _log_disabled(front.services.log, before, after)


def _log_disabled(log: FilteringBoundLogger, before: Mapping[str, Provider], after: Mapping[str, Provider]) -> None:
    """Log each provider that has become disabled, or is for another reason, and each that is enabled again."""
    for name, provider in after.items():
        was = before[name].disabled if name in before else None
        if provider.disabled is not None and provider.disabled != was:
            log.warning("provider_disabled", provider=name, reason=provider.disabled)
        elif provider.disabled is None and was is not None:
            log.info("provider_enabled", provider=name)


def _tell(log: FilteringBoundLogger, watching: asyncio.Task[None]) -> None:
    """Only one's own middleware, failing as it is loaded, can end the watching; nobody else would say so."""
    if not watching.cancelled() and (error := watching.exception()) is not None:
        log.error("watching_crashed", exc_info=error)


def _traced(launch: Launch, traces: Tracing | None) -> Launch:
    """The launch, each of its generations with what makes the traces; where nothing does, nothing is added."""
    if traces is None:
        return launch

    def traced(generation: Generation) -> Generation:
        return replace(generation, pipeline=generation.pipeline.between(traces.request, traces.attempt))

    return replace(
        launch,
        generation=traced(launch.generation),
        make=lambda text, number: traced(launch.make(text, number)),
    )


def _exposing(launch: Launch) -> Make:
    """`launch.make`, which refuses to take the keys from a listener that is open to a network."""

    def make(text: str, number: int) -> Generation:
        generation = launch.make(text, number)
        try:
            check_exposure(launch.listen, generation)
        except Exposed as error:
            raise ConfigError(launch.path, [Problem(1, 1, "", str(error))]) from error
        return generation

    return make


async def _within(seconds: float, waiting: Coroutine[None, None, None]) -> bool:
    """Whether it was over in time."""
    try:
        async with asyncio.timeout(seconds):
            await waiting
    except TimeoutError:
        return False
    return True


def _url(server: asyncio.Server) -> str:
    name = server.sockets[0].getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


async def _bound(serving: Listener, listen: Listen) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        if listen.unix is None:
            return await loop.create_server(serving, listen.host, listen.port, reuse_address=True)
        server = await loop.create_unix_server(serving, listen.unix)
        os.chmod(listen.unix, 0o660)
    except OSError as error:
        raise CannotListen(listen.unix or f"{listen.host}:{listen.port}", error) from error
    return server


def check_exposure(listen: Listen, generation: Generation) -> None:
    """Raises Exposed unless keys are asked for, or only this machine can connect."""
    keys = any(isinstance(each, Auth) and each.keys for each in generation.pipeline.middlewares)
    if not keys and listen.unix is None and not _is_loopback(listen.host):
        raise Exposed(
            f"listen: host {listen.host} is reachable from outside and no key is asked for; "
            "name keys under pipeline: auth: keys, or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
