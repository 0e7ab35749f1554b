"""`parrot serve`: the sidecar itself."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from msgspec.structs import replace as altered

from proxy import __version__
from proxy.cli.command import Command, Failure, port, reason
from proxy.cli.logs import FORMATS, logger
from proxy.cli.loop import run
from proxy.config.document import ConfigError
from proxy.config.schema import Listen
from proxy.config.snapshot import Snapshot
from proxy.generation import Generation, Maker
from proxy.sandbox import SIMULATIONS
from proxy.sandbox.adapt import adapted
from proxy.sandbox.server import Sandbox
from proxy.sidecar import Exposed, start
from proxy.upstream.attempt import upstream


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-c", "--config", default="routing.yaml", metavar="FILE", help="default: routing.yaml")
    parser.add_argument("--host", help="instead of the file's listen: host")
    parser.add_argument("--port", type=port, help="instead of the file's listen: port; 0 takes a free one")
    parser.add_argument(
        "--sandbox", action="store_true", help="simulated providers on loopback instead of the real ones"
    )
    parser.add_argument("--log-format", choices=FORMATS, default="auto", help="auto: console on a terminal, else json")


def _run(arguments: Namespace) -> int:
    return run(partial(_serve, arguments))


async def _serve(arguments: Namespace, stopped: asyncio.Event) -> int:
    text = _text(arguments.config)
    async with AsyncExitStack() as stack:
        generation = _generation(text, arguments.config)
        control = ""
        if arguments.sandbox:
            generation, control = await _simulated(generation, stack)
        listen = _listen(generation.snapshot.listen, arguments)
        try:
            sidecar = await start(generation, logger(arguments.log_format), listen)
        except Exposed as error:
            raise Failure(f"{arguments.config}: {error}", exit_code=2) from error
        except OSError as error:
            where = listen.unix or f"{listen.host}:{listen.port}"
            raise Failure(f"cannot listen on {where}: {reason(error)}") from error
        stack.push_async_callback(sidecar.stop)
        print(_banner(sidecar.url, generation.snapshot, arguments.config, control), flush=True)
        await stopped.wait()
    return 0


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot read {path}: {reason(error)}", exit_code=2) from error
    except UnicodeDecodeError as error:
        raise Failure(f"cannot read {path}: it is not UTF-8 at byte {error.start}", exit_code=2) from error


def _generation(text: str, name: str) -> Generation:
    maker = Maker(os.environ, lambda path: Path(path).read_text(encoding="utf-8"), upstream)
    try:
        return maker.make(text, name, 1)
    except ConfigError as error:
        count = len(error.problems)
        raise Failure(f"{count} problem{'s' * (count > 1)} in {name}\n{error}", exit_code=2) from error


async def _simulated(generation: Generation, stack: AsyncExitStack) -> tuple[Generation, str]:
    """The generation with its providers simulated for as long as the stack stands, and where to break them."""
    snapshot = generation.snapshot
    dialects = {name: provider.dialect for name, provider in snapshot.providers.items()}
    for name, dialect in dialects.items():
        if dialect not in SIMULATIONS:
            raise Failure(f"providers.{name}: the sandbox does not speak '{dialect}' yet", exit_code=2)
    sandbox = await Sandbox.start(dialects)
    stack.push_async_callback(sandbox.close)
    urls = {name: sandbox.base_url(name) for name in snapshot.providers}
    return replace(generation, snapshot=adapted(snapshot, urls)), sandbox.control_url


def _listen(listen: Listen, arguments: Namespace) -> Listen:
    """The file's, but for what the command line says otherwise."""
    changes = {"host": arguments.host, "port": arguments.port}
    changes = {name: value for name, value in changes.items() if value is not None}
    return altered(listen, unix=None, **changes) if changes else listen


def _banner(url: str, snapshot: Snapshot, name: str, control: str) -> str:
    """Where it listens, who serves, and a line to try it with."""
    model = next(iter(snapshot.models), "MODEL")
    disabled = [f"{name} ({provider.disabled})" for name, provider in snapshot.providers.items() if provider.disabled]
    serving = [name for name, provider in snapshot.providers.items() if not provider.disabled]
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    target = f"--unix-socket {url[5:]} http://localhost" if url.startswith("unix:") else url
    kind = "simulated providers" if control else "providers"
    lines = [
        f"parrot {__version__} listens on {url}, routed by {name}",
        f"  {kind}: {', '.join(serving) or 'none'}",
        *(
            [f'  break them: curl -X PUT {control}/providers/{serving[0]} -d \'{{"fault": "down"}}\'']
            if control
            else []
        ),
        *([f"  disabled: {', '.join(disabled)}"] if disabled else []),
        "  try it:",
        f"    curl {target}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'",
    ]
    return "\n".join(lines)


COMMAND = Command("serve", "run the sidecar", _arguments, _run)
