"""`parrot serve`: the sidecar itself."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace as altered
from structlog.typing import FilteringBoundLogger

from proxy import __version__
from proxy.cli import fault, file
from proxy.cli.command import Command, CommandError, error_reason, parse_port
from proxy.cli.logs import FORMATS, LibraryLog, build_logger
from proxy.cli.loop import run, tune_garbage_collector
from proxy.config.document import ConfigError, Problem
from proxy.config.snapshot import Snapshot
from proxy.generation import Generation
from proxy.redaction import LogRedactor
from proxy.sandbox import SIMULATIONS
from proxy.sandbox.adapt import adapt_snapshot
from proxy.sandbox.server import Sandbox
from proxy.sidecar import BindError, InsecureListenError, Sidecar, StartupOptions, start
from proxy.upstream.http1.proxies import EnvironmentValueError

_DESCRIPTION = """Serves the file's models until SIGTERM or SIGINT; a second one ends it at once. A changed file is
taken up within seconds, SIGHUP does it at once."""


def _arguments(parser: ArgumentParser) -> None:
    file.add_config_argument(parser)
    parser.add_argument("--host", help="instead of the file's listen: host")
    parser.add_argument("--port", type=parse_port, help="instead of the file's listen: port; 0 takes a free one")
    parser.add_argument(
        "--admin-port", type=parse_port, metavar="PORT", help="instead of the file's admin: port; likewise"
    )
    parser.add_argument("--sandbox", action="store_true", help="simulated providers on loopback, not the real ones")
    fault.add_fault_argument(parser)
    parser.add_argument("--log-format", choices=FORMATS, default="auto", help="auto: console on a terminal, else json")


def _run(arguments: Namespace) -> int:
    # Before the event loop, whose signal handlers would have to wait for a file that is slow to read.
    return run(partial(_serve, arguments, file.load_generation(arguments.config)))


async def _serve(arguments: Namespace, generation: Generation, stopped: asyncio.Event) -> int:
    async with AsyncExitStack() as stack:
        sandbox = await _sandbox(generation.snapshot, stack) if arguments.sandbox else None
        if arguments.fault:
            await fault.inject_faults(sandbox, arguments.fault)
        sidecar = await _start(arguments, generation, sandbox, _build_log(arguments.log_format, stack))
        stack.push_async_callback(sidecar.stop)
        _reload_on_hangup(sidecar)
        tune_garbage_collector()
        print(_banner(sidecar, arguments.config, sandbox), flush=True)
        await stopped.wait()
    return 0


class _Logs(NamedTuple):
    log: FilteringBoundLogger
    redact: LogRedactor


def _build_log(form: str, stack: AsyncExitStack) -> _Logs:
    """The process's log, which takes what libraries log too for as long as the stack stands."""
    redact = LogRedactor()
    log = build_logger(form, redact=redact)
    stack.callback(LibraryLog(log).close)
    return _Logs(log, redact)


async def _start(arguments: Namespace, generation: Generation, sandbox: Sandbox | None, logs: _Logs) -> Sidecar:
    def make(text: str, number: int) -> Generation:
        made = file.generation_factory().build(text, arguments.config, number)
        logs.redact.add_secrets(made.snapshot.secrets)
        return _with_sandbox(made, sandbox)

    snapshot = generation.snapshot
    logs.redact.add_secrets(snapshot.secrets)
    changes = {"host": arguments.host, "port": arguments.port}
    changes = {name: value for name, value in changes.items() if value is not None}
    launch = StartupOptions(
        generation=_with_sandbox(generation, sandbox),
        config_path=arguments.config,
        build=make,
        log=logs.log,
        listen=altered(snapshot.listen, unix=None, **changes) if changes else snapshot.listen,
        admin=snapshot.admin if arguments.admin_port is None else altered(snapshot.admin, port=arguments.admin_port),
    )
    try:
        return await start(launch)
    except InsecureListenError as error:
        raise CommandError(f"{arguments.config}: {error}", exit_code=2) from error
    except EnvironmentValueError as error:
        raise CommandError(str(error), exit_code=2) from error
    except BindError as error:
        raise CommandError(f"cannot listen on {error.address}: {error_reason(error.cause)}") from error


async def _sandbox(snapshot: Snapshot, stack: AsyncExitStack) -> Sandbox:
    """Simulators of the file's providers, for as long as the stack stands."""
    dialects = {name: provider.dialect for name, provider in snapshot.providers.items()}
    for name, dialect in dialects.items():
        if dialect not in SIMULATIONS:
            raise CommandError(f"providers.{name}: the sandbox does not speak '{dialect}' yet", exit_code=2)
    sandbox = await Sandbox.start(dialects)
    stack.push_async_callback(sandbox.close)
    return sandbox


def _with_sandbox(generation: Generation, sandbox: Sandbox | None) -> Generation:
    """The generation, with its providers at their simulators. Raises ConfigError for one that has none."""
    if sandbox is None:
        return generation
    snapshot = generation.snapshot
    if new := sorted(snapshot.providers.keys() - sandbox.names):
        problems = [Problem(1, 1, f"providers.{name}", "the sandbox started without it; restart") for name in new]
        raise ConfigError("the sandbox", problems)
    urls = {name: sandbox.base_url(name) for name in snapshot.providers}
    return replace(generation, snapshot=adapt_snapshot(snapshot, urls))


def _reload_on_hangup(sidecar: Sidecar) -> None:
    running: set[asyncio.Task[object]] = set()  # the loop itself keeps only weak references

    def reload() -> None:
        task: asyncio.Task[object] = asyncio.create_task(sidecar.reloader.reload())
        running.add(task)
        task.add_done_callback(running.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def _banner(sidecar: Sidecar, name: str, sandbox: Sandbox | None) -> str:
    """Where it listens, who serves, and a line to try it with."""
    url, snapshot = sidecar.url, sidecar.handler.generation.snapshot
    model = next(iter(snapshot.models), "MODEL")
    disabled = [
        f"{name} ({provider.disabled_reason})"
        for name, provider in snapshot.providers.items()
        if provider.disabled_reason
    ]
    serving = [name for name, provider in snapshot.providers.items() if not provider.disabled_reason]
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    target = f"--unix-socket {url[5:]} http://localhost" if url.startswith("unix:") else url
    kind = "simulated providers" if sandbox else "providers"
    broken = f"{sandbox.control_url}/providers/{serving[0]}" if sandbox else ""
    lines = [
        f"parrot {__version__} listens on {url}, routed by {name}",
        f"  {kind}: {', '.join(serving) or 'none'}",
        *([f"  disabled: {', '.join(disabled)}"] if disabled else []),
        *([] if url.startswith("unix:") else [f"  dashboard: {url}/dashboard"]),
        f"  probes and reload: {sidecar.admin_url}/readyz",
        *([f'  break one: curl -X PUT {broken} -d \'{{"fault": "down"}}\''] if sandbox else []),
        "  try it:",
        f"    curl {target}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'",
    ]
    return "\n".join(lines)


COMMAND = Command("serve", "run the sidecar", _arguments, _run, _DESCRIPTION)
