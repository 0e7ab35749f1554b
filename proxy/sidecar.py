"""Start and stop of the sidecar: wires up the listeners, the reloader, probes, health watcher and tracing.

`start` returns a running `Sidecar`, and `Sidecar.stop` drains it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial

from structlog.typing import FilteringBoundLogger

from proxy.background import run_in_background
from proxy.config.document import ConfigError, Problem
from proxy.config.process_schema import Admin, Listen
from proxy.config.snapshot import Provider
from proxy.control.admin import AdminHandler
from proxy.control.metrics import MetricsEndpoint
from proxy.control.probing import ProbeScheduler
from proxy.control.watch import HealthWatcher
from proxy.descriptors import max_clients
from proxy.downstream.bind import BindError, BoundListener, bind
from proxy.generation import Generation
from proxy.listen_security import exposed_listener
from proxy.middleware.limits import Limits
from proxy.reload import BuildGeneration, Reloader
from proxy.runtime import Runtime
from proxy.server import Listener, ProxyHandler, build_listener
from proxy.tracing.switch import Tracing, start_tracing
from proxy.upstream.http1.transport import Http1Transport
from proxy.upstream.probe import Prober
from proxy.upstream.web_fetch import WebFetcher

_CLOSE_TIMEOUT_S = 0.1
"""Time for connections to close. aiohttp takes 0 as no limit."""
_ABORT_TIMEOUT_S = 1.0
"""Time to write the error event to streams that outlasted the drain timeout."""


class InsecureListenError(Exception):
    """The listener would be reachable from a network without requiring a key."""


@dataclass(frozen=True, slots=True)
class StartupOptions:
    """Everything that `start` needs."""

    generation: Generation
    config_path: str
    """The file that `generation` was read from. It is watched for changes."""
    build: BuildGeneration
    log: FilteringBoundLogger
    listen: Listen
    admin: Admin


@dataclass(slots=True)
class Sidecar:
    """A running sidecar."""

    handler: ProxyHandler
    reloader: Reloader
    transport: Http1Transport
    listener: Listener
    server: BoundListener
    admin_listener: Listener
    admin_server: BoundListener
    config_task: asyncio.Task[None]
    """Watches the configuration file."""
    health_task: asyncio.Task[None]
    """Watches the providers' health."""
    probe_scheduler: ProbeScheduler
    tracing: Tracing | None

    @property
    def url(self) -> str:
        """Return the first address of the data listener: `http://127.0.0.1:8090`, or `unix:PATH`."""
        return self.server.urls[0]

    @property
    def admin_url(self) -> str:
        """Return the address of the admin listener."""
        return self.admin_server.urls[0]

    async def stop(self) -> None:
        """Drain and stop.

        Readiness turns 503 at once. New requests are accepted for `drain.delay` more. Requests in flight may finish within
        `drain.timeout`. Streams still open then end with an error event, and every connection is closed.
        """
        drain = self.handler.generation.snapshot.drain
        self.handler.draining = True
        self.config_task.cancel()
        self.health_task.cancel()
        try:
            await self.probe_scheduler.stop()
            if drain.delay:
                await asyncio.sleep(drain.delay)
            self.server.close()
            self.handler.runtime.telemetry.feed.close()
            if not await _finishes_within(drain.timeout, self._wait_finished()):
                self.handler.abort_streams()
                await _finishes_within(_ABORT_TIMEOUT_S, self._wait_finished())
            await self.listener.shutdown(_CLOSE_TIMEOUT_S)
            self.admin_server.close()
            await self.admin_listener.shutdown(_CLOSE_TIMEOUT_S)
        finally:  # also when this task is cancelled to stop without waiting
            self._close()
        if self.tracing is not None:
            await self.tracing.close()

    async def _wait_finished(self) -> None:
        """Return when no request is in progress, and the clients have taken their responses."""
        await self.handler.wait_idle()
        await self.listener.wait_sent()

    def _close(self) -> None:
        for server, listener in ((self.server, self.listener), (self.admin_server, self.admin_listener)):
            server.close()
            for connection in listener.connections:
                connection.force_close()
        self.transport.close()


async def start(options: StartupOptions) -> Sidecar:
    """Start a sidecar. Raises InsecureListenError for an open listener without keys, and BindError."""
    check_listen_security(options.listen, options.generation)
    tracing = start_tracing(os.environ, options.log)
    options = _with_tracing(options, tracing)
    transport = Http1Transport.from_environ(os.environ)
    runtime = replace(
        Runtime.create(transport, options.log, time.monotonic, time.time),
        timer=transport.timer,
        fetch_file=WebFetcher(transport.dialer.tls, transport.timer).fetch,
        on_auth_failure=lambda: reloader.on_auth_failure(),
    )
    handler = ProxyHandler(runtime, options.generation, over_unix=options.listen.unix is not None)
    probe_scheduler = ProbeScheduler(runtime, Prober(transport.dialer.tls, transport.proxies).probe)
    _log_disabled(options.log, {}, options.generation.snapshot.providers)
    listener = build_listener(handler, runtime.telemetry.refusals.record)
    _limit_connections(listener, options.generation, options.log)
    activate = partial(_activate, handler, probe_scheduler, listener)
    reloader = Reloader(options.config_path, _with_listen_check(options), options.generation, activate, options.log)
    server = await bind(listener, options.listen)
    health = HealthWatcher(runtime, lambda: handler.generation.snapshot)
    metrics = MetricsEndpoint(runtime, health, lambda: reloader.last, reloader.counts)
    key = options.admin.key
    admin = AdminHandler(
        lambda: reloader.last, reloader.reload, handler.drain, lambda: not handler.draining, options.log, key, metrics
    )
    admin_listener = build_listener(admin, runtime.telemetry.refusals.record)
    try:
        admin_server = await bind(admin_listener, Listen(host=options.admin.host, port=options.admin.port))
    except BindError:
        server.close()
        raise
    probe_scheduler.on_snapshot(options.generation.snapshot)
    config_task = run_in_background(reloader.watch(), options.log, "config_watcher_failed")
    health_task = run_in_background(health.run(), options.log, "health_watcher_failed")
    listeners = listener, server, admin_listener, admin_server
    return Sidecar(handler, reloader, transport, *listeners, config_task, health_task, probe_scheduler, tracing)


def _activate(
    handler: ProxyHandler, probe_scheduler: ProbeScheduler, listener: Listener, generation: Generation
) -> None:
    """Activate a generation for requests, connections and probes."""
    before, after = handler.generation.snapshot.providers, generation.snapshot.providers
    handler.activate(generation)
    probe_scheduler.on_snapshot(generation.snapshot)
    _limit_connections(listener, generation, handler.runtime.log)
    _log_disabled(handler.runtime.log, before, after)


def _limit_connections(listener: Listener, generation: Generation, log: FilteringBoundLogger) -> None:
    """Apply `max_connections` as far as the descriptor limit allows."""
    configured, allowed = generation.pipeline.find(Limits).max_connections, max_clients()
    listener.max_connections = min(configured or allowed, allowed)
    if configured > allowed:
        reason = "each connection needs two file descriptors; raise their limit (ulimit -n)"
        log.warning("max_connections_lowered", configured=int(configured), allowed=allowed, reason=reason)


def _log_disabled(log: FilteringBoundLogger, before: Mapping[str, Provider], after: Mapping[str, Provider]) -> None:
    """Log each provider that became disabled, whose reason changed, or that is enabled again, and each missing key."""
    for name, provider in after.items():
        was = before[name].disabled_reason if name in before else None
        if provider.disabled_reason is not None and provider.disabled_reason != was:
            log.warning("provider_disabled", provider=name, reason=provider.disabled_reason)
        elif provider.disabled_reason is None and was is not None:
            log.info("provider_enabled", provider=name)
        missing = before[name].missing_keys if name in before else {}
        for label, reason in provider.missing_keys.items():
            if missing.get(label) != reason:
                log.warning("provider_key_skipped", provider=name, key=label, reason=reason)


def _with_tracing(options: StartupOptions, tracing: Tracing | None) -> StartupOptions:
    """Add the tracing middlewares to the pipeline of every generation. Without tracing nothing is added."""
    if tracing is None:
        return options

    def traced(generation: Generation) -> Generation:
        return replace(
            generation, pipeline=generation.pipeline.wrap(tracing.request_middleware, tracing.attempt_middleware)
        )

    return replace(
        options,
        generation=traced(options.generation),
        build=lambda text, number: traced(options.build(text, number)),
    )


def _with_listen_check(options: StartupOptions) -> BuildGeneration:
    """Wrap `options.build`: a reload must not remove the keys of a listener that is open to a network."""

    def build(text: str, number: int) -> Generation:
        generation = options.build(text, number)
        try:
            check_listen_security(options.listen, generation)
        except InsecureListenError as error:
            raise ConfigError(options.config_path, [Problem(1, 1, "", str(error))]) from error
        return generation

    return build


async def _finishes_within(timeout_s: float, waiting: Coroutine[None, None, None]) -> bool:
    """Await `waiting`, or cancel it and return False after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            await waiting
    except TimeoutError:
        return False
    return True


def check_listen_security(listen: Listen, generation: Generation) -> None:
    """Raise InsecureListenError unless a key is required or only this machine can connect."""
    if (problem := exposed_listener(listen, generation.pipeline)) is not None:
        raise InsecureListenError(f"listen: host {problem}")
