"""`parrot serve`: runs the sidecar."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from proxy.background import run_in_background
from proxy.cli import fault, file
from proxy.cli.banner import banner
from proxy.cli.command import Command, CommandError, error_reason, parse_port
from proxy.cli.logs import FORMATS, LibraryLog, build_logger
from proxy.cli.loop import run, tune_allocator, tune_garbage_collector
from proxy.cli.notify import notify
from proxy.cli.process_failures import ProcessFailures
from proxy.cli.standard_streams import write_output
from proxy.config.process_schema import HOST_PATTERN
from proxy.downstream.bind import BindError
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
        write_output(banner(sidecar, arguments.config, sandbox))
        notify("READY=1", os.environ)
        await stopped.wait()
        notify("STOPPING=1", os.environ)
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
        raise CommandError(f"cannot listen on {error.address}: {_bind_reason(error, options)}") from error


def _bind_reason(error: BindError, options: StartupOptions) -> str:
    """Return why an address cannot be used, and if its port is taken how to choose another one."""
    reason = error_reason(error.cause)
    if error.cause.errno != errno.EADDRINUSE or options.listen.unix == error.address:
        return reason
    is_admin = error.address.endswith(f":{options.admin.port}")
    option, key = ("--admin-port", "admin") if is_admin else ("--port", "listen")
    return f"{reason}; choose another port with {option}, or with {key}: port in {options.config_path}"


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


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)
