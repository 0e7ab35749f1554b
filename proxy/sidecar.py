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
from proxy.control.admin import AdminHandler
from proxy.control.metrics import MetricsEndpoint
from proxy.control.probing import ProbeScheduler
from proxy.control.watch import HealthWatcher
from proxy.descriptors import max_clients
from proxy.exchange import Runtime
from proxy.generation import Generation
from proxy.middleware.auth import Auth
from proxy.reload import BuildGeneration, Reloader
from proxy.server import Listener, ProxyHandler, build_listener
from proxy.tracing.switch import Tracing, start_tracing
from proxy.upstream.http1.transport import Http1Transport
from proxy.upstream.probe import Prober

_CLOSE_TIMEOUT_S = 0.1
"""Seconds that connections get to close; aiohttp takes 0 for no limit at all."""
_ABORT_TIMEOUT_S = 1.0
"""Seconds in which streams that outlasted the drain are told so."""


class InsecureListenError(Exception):
    """The listener would be open to a network without asking for a key."""


class BindError(Exception):
    """An address is taken, or not this machine's."""

    def __init__(self, where: str, cause: OSError) -> None:
        super().__init__(where)
        self.address = where
        self.cause = cause


@dataclass(frozen=True, slots=True)
class StartupOptions:
    """What a sidecar is started with."""

    generation: Generation
    config_path: str
    """The file it came from, and is read from again."""
    build: BuildGeneration
    log: FilteringBoundLogger
    listen: Listen
    admin: schema.Admin


@dataclass(slots=True)
class Sidecar:
    """Serves until it is stopped."""

    handler: ProxyHandler
    reloader: Reloader
    transport: Http1Transport
    listener: Listener
    server: asyncio.Server
    admin_listener: Listener
    admin_server: asyncio.Server
    config_task: asyncio.Task[None]
    """The file."""
    health_task: asyncio.Task[None]
    """At the providers' health."""
    probing: ProbeScheduler
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
        drain = self.handler.generation.snapshot.drain
        self.handler.draining = True
        self.config_task.cancel()
        self.health_task.cancel()
        try:
            await self.probing.stop()
            if drain.delay:
                await asyncio.sleep(drain.delay)
            self.server.close()
            self.handler.runtime.feed.close()
            if not await _finishes_within(drain.timeout, self.handler.wait_idle()):
                self.handler.abort_streams()
                await _finishes_within(_ABORT_TIMEOUT_S, self.handler.wait_idle())
            await self.listener.shutdown(_CLOSE_TIMEOUT_S)
            self.admin_server.close()
            await self.admin_listener.shutdown(_CLOSE_TIMEOUT_S)
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


async def start(options: StartupOptions) -> Sidecar:
    """A running sidecar. Raises Exposed for an open listener without keys, and CannotListen."""
    check_listen_security(options.listen, options.generation)
    traces = start_tracing(os.environ, options.log)
    options = _with_tracing(options, traces)
    transport = Http1Transport.from_environ(os.environ)
    runtime = Runtime(
        transport, options.log, clock=time.monotonic, wall=time.time, on_auth_failure=lambda: reloader.on_auth_failure()
    )
    front = ProxyHandler(runtime, options.generation)
    probing = ProbeScheduler(runtime, Prober(transport.dialer.tls, transport.proxies).probe)
    _log_disabled(options.log, {}, options.generation.snapshot.providers)
    put = partial(_activate, front, probing)
    reloader = Reloader(options.config_path, _with_listen_check(options), options.generation, put, options.log)
    serving = build_listener(front)
    serving.max_connections, serving.on_full = max_clients(), runtime.local_trouble.warn
    server = await _bind(serving, options.listen)
    watch = HealthWatcher(runtime, lambda: front.generation.snapshot)
    metrics = MetricsEndpoint(runtime, watch, lambda: reloader.last, reloader.counts)
    key = options.admin.key
    admin = build_listener(
        AdminHandler(lambda: reloader.last, reloader.reload, front.drain, lambda: not front.draining, key, metrics)
    )
    try:
        admin_server = await _bind(admin, Listen(host=options.admin.host, port=options.admin.port))
    except BindError:
        server.close()
        raise
    probing.on_snapshot(options.generation.snapshot)
    watching = asyncio.create_task(reloader.watch())
    looking = asyncio.create_task(watch.run())
    for task in (watching, looking):
        task.add_done_callback(partial(_log_task_failure, options.log))
    listening = serving, server, admin, admin_server
    return Sidecar(front, reloader, transport, *listening, watching, looking, probing, traces)


def _activate(front: ProxyHandler, probing: ProbeScheduler, generation: Generation) -> None:
    """Activate a generation, for requests and for probes."""
    before, after = front.generation.snapshot.providers, generation.snapshot.providers
    front.activate(generation)
    probing.on_snapshot(generation.snapshot)
    _log_disabled(front.runtime.log, before, after)


def _log_disabled(log: FilteringBoundLogger, before: Mapping[str, Provider], after: Mapping[str, Provider]) -> None:
    """Log each provider that has become disabled, or is for another reason, and each that is enabled again."""
    for name, provider in after.items():
        was = before[name].disabled_reason if name in before else None
        if provider.disabled_reason is not None and provider.disabled_reason != was:
            log.warning("provider_disabled", provider=name, reason=provider.disabled_reason)
        elif provider.disabled_reason is None and was is not None:
            log.info("provider_enabled", provider=name)


def _log_task_failure(log: FilteringBoundLogger, watching: asyncio.Task[None]) -> None:
    """Only one's own middleware, failing as it is loaded, can end the watching; nobody else would say so."""
    if not watching.cancelled() and (error := watching.exception()) is not None:
        log.error("config_watcher_failed", exc_info=error)


def _with_tracing(launch: StartupOptions, traces: Tracing | None) -> StartupOptions:
    """The launch, each of its generations with what makes the traces; where nothing does, nothing is added."""
    if traces is None:
        return launch

    def traced(generation: Generation) -> Generation:
        return replace(generation, pipeline=generation.pipeline.wrap(traces.trace_request, traces.trace_attempt))

    return replace(
        launch,
        generation=traced(launch.generation),
        build=lambda text, number: traced(launch.build(text, number)),
    )


def _with_listen_check(launch: StartupOptions) -> BuildGeneration:
    """`launch.make`, which refuses to take the keys from a listener that is open to a network."""

    def make(text: str, number: int) -> Generation:
        generation = launch.build(text, number)
        try:
            check_listen_security(launch.listen, generation)
        except InsecureListenError as error:
            raise ConfigError(launch.config_path, [Problem(1, 1, "", str(error))]) from error
        return generation

    return make


async def _finishes_within(seconds: float, waiting: Coroutine[None, None, None]) -> bool:
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


async def _bind(serving: Listener, listen: Listen) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        if listen.unix is None:
            return await loop.create_server(serving, listen.host, listen.port, reuse_address=True)
        server = await loop.create_unix_server(serving, listen.unix)
        os.chmod(listen.unix, 0o660)
    except OSError as error:
        raise BindError(listen.unix or f"{listen.host}:{listen.port}", error) from error
    return server


def check_listen_security(listen: Listen, generation: Generation) -> None:
    """Raises Exposed unless keys are asked for, or only this machine can connect."""
    keys = any(isinstance(each, Auth) and each.keys for each in generation.pipeline.middlewares)
    if not keys and listen.unix is None and not _is_loopback(listen.host):
        raise InsecureListenError(
            f"listen: host {listen.host} is reachable from outside and no key is asked for; "
            "name keys under pipeline: auth: keys, or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
