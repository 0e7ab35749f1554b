"""A sidecar with simulated providers runs in the process of the command."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp

from proxy.cli.compare.simulation import start_simulation
from tests.fakes import generation
from tests.running import HELLO


async def test_it_answers_without_a_provider_until_the_stack_exits() -> None:
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as http:
        url = await start_simulation(generation(), stack)
        async with http.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": HELLO}) as response:
            assert response.status == 200
            assert "simulated" in (await response.json())["choices"][0]["message"]["content"]
