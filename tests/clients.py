"""Generates the tables of docs/reference/clients.md by sending requests with each API's own SDK: `python -m tests.clients`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.sandbox.scenario import Fault
from tests.client_sdks import APIS, MARK, PIXEL, Api, status_of
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "clients.md"
START, END = "<!-- clients: written by `make clients` -->\n", "<!-- end -->\n"

YES, NO, FAILED = "yes", "no", "FAILED"
"""The last one: the request was served, but not as the client expects."""
ASK = "Ask get_weather"


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one API, all of whose requests go to one provider."""

    api: Api
    sidecar: RunningSidecar
    provider: str
    sdk: Any

    async def ask(self, *messages: Any, **members: Any) -> Any:
        """Send messages, of which a text is the user's, and return the SDK's answer."""
        written = [self.api.user(each) if isinstance(each, str) else each for each in messages]
        return await self.api.send(self.sdk, written)(**members)

    @property
    def sent(self) -> bytes:
        """The body of the last request that the provider received."""
        return self.sidecar.sandbox.requests(self.provider)[-1].body


Probe = Callable[[Client], Awaitable[str]]


def _yes(true: bool) -> str:
    return YES if true else FAILED


async def text(client: Client) -> str:
    return _yes(client.api.text(await client.ask("Hello")).startswith("Hello from"))


async def stream(client: Client) -> str:
    events = [event async for event in await client.ask("Hello", stream=True)]
    return _yes("".join(map(client.api.streamed_text, events)).startswith("Hello from"))


async def tools(client: Client) -> str:
    api = client.api
    answer = await client.ask(ASK, **api.tools)
    return _yes(MARK in api.text(await client.ask(ASK, *api.result(answer, api.call(answer)), **api.tools)))


async def structure(client: Client) -> str:
    await client.ask("Hello", **client.api.schema)
    return _yes(MARK.encode() in client.sent)


async def images(client: Client) -> str:
    await client.ask(client.api.image)
    return _yes(PIXEL.encode() in client.sent)


_REASONING_MEMBERS = (b"reasoning", b"thinking")


async def reasoning(client: Client) -> str:
    await client.ask("Hello", **client.api.reasoning)
    return YES if any(member in client.sent.lower() for member in _REASONING_MEMBERS) else "dropped"


async def errors(client: Client) -> str:
    await client.sidecar.sandbox.set_fault(client.provider, Fault("status", status=429))
    try:
        await client.ask("Hello")
    except Exception as error:  # noqa: BLE001 (that of any SDK)
        return _yes(status_of(error) == 429)
    finally:
        await client.sidecar.sandbox.restore(client.provider)
    return FAILED


PROBES: Mapping[str, Probe] = {
    "text": text,
    "stream": stream,
    "tools, call and result": tools,
    "answer by a JSON schema": structure,
    "reasoning": reasoning,
    "images": images,
    "errors as the SDK's own": errors,
}


async def cell(probe: Probe, client: Client) -> str:
    """Return the value of one cell."""
    try:
        return await probe(client)
    except Exception as error:
        if status_of(error) != 400:
            raise
        return NO


async def rows(api: Api) -> list[list[str]]:
    """Return the rows of one API's table, from a sidecar without a past."""
    async with AsyncExitStack() as stack:
        sidecar = await stack.enter_async_context(run_sidecar(six_providers()))
        sdks = [await stack.enter_async_context(api.open(sidecar.url, name)) for name in PROVIDERS]
        clients = [Client(api, sidecar, name, sdk) for name, sdk in zip(PROVIDERS, sdks, strict=True)]
        return [[name, *[await cell(probe, client) for client in clients]] for name, probe in PROBES.items()]


async def tables() -> str:
    """Return the tables as Markdown, one for each API."""
    head = [["", *PROVIDERS], ["---"] * (len(PROVIDERS) + 1)]
    written = []
    for api in APIS:
        lines = "".join(f"| {' | '.join(row)} |\n" for row in [*head, *await rows(api)])
        written.append(f"### {api.name}\n\n{lines}")
    return "\n".join(written)


def replace_tables(page: str, written: str) -> str:
    """Return the page with these tables between the markers."""
    before, _, rest = page.partition(START)
    return before + START + "\n" + written + "\n" + END + rest.partition(END)[2]


def main() -> None:
    """Write the page."""
    PAGE.write_text(replace_tables(PAGE.read_text(), asyncio.run(tables())))


if __name__ == "__main__":
    main()
