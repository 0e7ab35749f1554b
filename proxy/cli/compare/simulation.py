"""A sidecar with simulated providers in this process, for `parrot compare --sandbox`."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from proxy.cli import file
from proxy.cli.serve_sandbox import ServeSandbox
from proxy.config.process_schema import Admin, Drain, Listen
from proxy.config.units import Seconds
from proxy.generation import Generation
from proxy.sidecar import StartupOptions, start


async def start_simulation(generation: Generation, stack: AsyncExitStack) -> str:
    """Start a sidecar with these models, on free ports and without a log. Return its URL. The exit stack stops it."""
    simulated = (await ServeSandbox.start(generation.snapshot, [], stack)).adapt(generation)
    at_once = replace(simulated.snapshot, drain=Drain(delay=Seconds(0), timeout=Seconds(0)))
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    sidecar = await start(
        StartupOptions(
            generation=replace(simulated, snapshot=at_once),
            config_path=file.DEFAULT,
            build=lambda text, number: simulated,
            log=structlog.wrap_logger(structlog.ReturnLogger(), wrapper_class=silent).bind(),
            listen=Listen(port=0),
            admin=Admin(port=0),
        )
    )
    sidecar.config_task.cancel()  # the file is read once
    stack.push_async_callback(sidecar.stop)
    return sidecar.url
