"""`parrot serve`: runs the sidecar."""

from __future__ import annotations

import asyncio
import re
import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from proxy import __version__
from proxy.background import run_in_background
from proxy.bind import BindError
from proxy.cli import fault, file
from proxy.cli.command import Command, CommandError, error_reason, parse_port
from proxy.cli.logs import FORMATS, LibraryLog, build_logger
from proxy.cli.loop import run, tune_allocator, tune_garbage_collector
from proxy.cli.process_failures import ProcessFailures
from proxy.cli.standard_streams import write_output
from proxy.config.process_schema import HOST_PATTERN
from proxy.generation import Generation
from proxy.redaction import LogRedactor
from proxy.sidecar import InsecureListenError, Sidecar, StartupOptions, start
from proxy.upstream.http1.proxies import EnvironmentValueError

if TYPE_CHECKING:
    from proxy.cli.serve_sandbox import ServeSandbox

_DESCRIPTION = """Serve the models of the file until SIGTERM or SIGINT. A second signal ends it at once. A changed file
is reloaded within two seconds, on SIGHUP at once."""


def _add_arguments(parser: ArgumentParser) -> None:
    file.add_config_argument(parser)
    parser.add_argument("--host", type=_parse_host, help="overrides listen: host of the file")
    parser.add_argument("--port", type=parse_port, help="overrides listen: port of the file (0: a free port)")
    parser.add_argument("--admin-host", type=_parse_host, metavar="HOST", help="overrides admin: host of the file")
    parser.add_argument(
        "--admin-port", type=parse_port, metavar="PORT", help="overrides admin: port of the file (0: a free port)"
    )
    parser.add_argument("--sandbox", action="store_true", help="use simulated providers on loopback")
    fault.add_fault_argument(parser)
    parser.add_argument("--log-format", choices=FORMATS, default="auto", help="auto: console on a terminal, else json")


def _parse_host(text: str) -> str:
    if not re.search(HOST_PATTERN, text):
        raise ArgumentTypeError(f"the host must be an address or a name, got '{text}'")
    return text


def _run(arguments: Namespace) -> int:
    # Loaded before the event loop runs, so that a signal can end a slow read.
    arguments.config = file.config_path(arguments)
    return run(partial(_serve, arguments, file.load_generation(arguments.config)))


async def _serve(arguments: Namespace, generation: Generation, stopped: asyncio.Event) -> int:
    async with AsyncExitStack() as stack:
        sandbox = await _start_sandbox(arguments, generation, stack)
        sidecar = await _start(arguments, generation, sandbox, _build_log(arguments.log_format, stack))
        stack.push_async_callback(sidecar.stop)
        _reload_on_hangup(sidecar)
        tune_allocator()
        tune_garbage_collector()
        write_output(_banner(sidecar, arguments.config, sandbox))
        await stopped.wait()
    return 0


@dataclass(frozen=True, slots=True)
class _Logs:
    log: FilteringBoundLogger
    redact: LogRedactor


def _build_log(form: str, stack: AsyncExitStack) -> _Logs:
    """Build the log of the process. Until the stack exits it also receives what libraries log, and Python would print."""
    redact = LogRedactor()
    log = build_logger(form, redact=redact, batched=True)
    stack.callback(LibraryLog(log).close)
    stack.enter_context(ProcessFailures(log))
    return _Logs(log, redact)


async def _start(arguments: Namespace, generation: Generation, sandbox: ServeSandbox | None, logs: _Logs) -> Sidecar:
    def build(text: str, number: int) -> Generation:
        generation = file.generation_factory().build(text, arguments.config, number)
        logs.redact.add_secrets(generation.snapshot.secrets)
        return sandbox.adapt(generation) if sandbox else generation

    snapshot = generation.snapshot
    logs.redact.add_secrets(snapshot.secrets)
    overrides = _present(host=arguments.host, port=arguments.port)
    options = StartupOptions(
        generation=sandbox.adapt(generation) if sandbox else generation,
        config_path=arguments.config,
        build=build,
        log=logs.log,
        listen=replace(snapshot.listen, unix=None, **overrides) if overrides else snapshot.listen,
        admin=replace(snapshot.admin, **_present(host=arguments.admin_host, port=arguments.admin_port)),
    )
    try:
        return await start(options)
    except InsecureListenError as error:
        raise CommandError(f"{arguments.config}: {error}", exit_code=2) from error
    except EnvironmentValueError as error:
        raise CommandError(str(error), exit_code=2) from error
    except BindError as error:
        raise CommandError(f"cannot listen on {error.address}: {error_reason(error.cause)}") from error


def _present(**options: str | int | None) -> dict[str, Any]:
    """Return the options that were given on the command line."""
    return {name: value for name, value in options.items() if value is not None}


async def _start_sandbox(arguments: Namespace, generation: Generation, stack: AsyncExitStack) -> ServeSandbox | None:
    if not arguments.sandbox:
        if arguments.fault:
            raise CommandError("--fault breaks simulated providers: it needs --sandbox", exit_code=2)
        return None
    from proxy.cli.serve_sandbox import ServeSandbox

    return await ServeSandbox.start(generation.snapshot, arguments.fault, stack)


def _reload_on_hangup(sidecar: Sidecar) -> None:
    def reload() -> None:
        run_in_background(sidecar.reloader.reload(), sidecar.handler.runtime.log, "signal_reload_failed")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def _banner(sidecar: Sidecar, name: str, sandbox: ServeSandbox | None) -> str:
    """Return the text printed at start: addresses, providers, and a command to try."""
    url, snapshot = sidecar.url, sidecar.handler.generation.snapshot
    name = f"the built-in example, as there is no {file.DEFAULT} here" if name == file.EXAMPLE else name
    disabled = [
        f"{name} ({provider.disabled_reason})"
        for name, provider in snapshot.providers.items()
        if provider.disabled_reason
    ]
    enabled = [name for name, provider in snapshot.providers.items() if not provider.disabled_reason]
    model = next(iter(snapshot.models), f"{next(iter(enabled), 'PROVIDER')}/MODEL")
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    target = f"--unix-socket {url[5:]} http://localhost" if url.startswith("unix:") else url
    kind = "simulated providers" if sandbox else "providers"
    fault_url = f"{sandbox.control_url}/providers/{enabled[0]}" if sandbox else ""
    lines = [
        f"parrot {__version__} listening on {', '.join(sidecar.server.urls)}, configured by {name}",
        f"  {kind}: {', '.join(enabled) or 'none'}",
        *([f"  disabled: {', '.join(disabled)}"] if disabled else []),
        *([] if url.startswith("unix:") else [f"  dashboard: {url}/dashboard"]),
        f"  admin: {sidecar.admin_url}/readyz",
        *([f'  inject a fault: curl -X PUT {fault_url} -d \'{{"fault": "down"}}\''] if sandbox else []),
        "  try it:",
        f"    curl {target}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'",
    ]
    return "\n".join(lines)


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
