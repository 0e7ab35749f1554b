"""Finds the sidecar that answers the prompts: at a URL, where the routing file says that it listens, or simulated in process."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter

from aiohttp import BaseConnector, ClientSession, ClientTimeout, TCPConnector, UnixConnector

from proxy.cli import file
from proxy.cli.command import CommandError, strip_userinfo
from proxy.cli.compare.chat_request import ChatClient
from proxy.cli.http_client import connection_errors
from proxy.config.process_schema import Listen
from proxy.config.units import Secret

ANSWER_TIMEOUT_S = 900.0
"""Limit for one answer. The sidecar has its own, shorter ones."""
_CONNECT_TIMEOUT_S = 10.0
_UNIX = "unix:"
_HINT = """  parrot serve  starts a sidecar
  --url URL     names another one
  --sandbox     starts one with simulated providers for this comparison"""
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (nothing listens here)
"""Address that a sidecar listens on -> where to connect to, if it is another."""


@asynccontextmanager
async def connect(arguments: Namespace) -> AsyncIterator[ChatClient]:
    """Yield a client of the sidecar that the command line names. Raises CommandError if it is not there."""
    async with AsyncExitStack() as stack:
        url = await _sandbox_url(arguments, stack) if arguments.sandbox else arguments.url or _configured_url(arguments)
        base = "http://localhost" if url.startswith(_UNIX) else url.rstrip("/").removesuffix("/v1")
        session = ClientSession(
            connector=_connector(url),
            headers=_authorization(arguments.key or os.environ.get("PARROT_API_KEY")),
            timeout=ClientTimeout(ANSWER_TIMEOUT_S, sock_connect=_CONNECT_TIMEOUT_S),
        )
        await stack.enter_async_context(session)
        await _check(session, base, url)
        yield ChatClient(session, f"{base}/v1/chat/completions", perf_counter)


async def _sandbox_url(arguments: Namespace, stack: AsyncExitStack) -> str:
    from proxy.cli.compare.simulation import start_simulation

    return await start_simulation(file.load_generation(file.config_path(arguments)), stack)


def _authorization(key: str | None) -> dict[str, str]:
    """Return the header with the sidecar's key. Raises CommandError if no header can carry it."""
    try:
        return {"Authorization": f"Bearer {Secret.parse(key.strip()).value}"} if key else {}
    except ValueError as error:
        raise CommandError("the key contains a space, a line break or a non-ASCII character", exit_code=2) from error


def _connector(url: str) -> BaseConnector:
    return UnixConnector(url.removeprefix(_UNIX)) if url.startswith(_UNIX) else TCPConnector(limit=0)


async def _check(session: ClientSession, base: str, url: str) -> None:
    """Raise CommandError unless a sidecar answers that accepts the key."""
    try:
        with connection_errors(url, url, _CONNECT_TIMEOUT_S):
            timeout = ClientTimeout(_CONNECT_TIMEOUT_S)
            async with session.get(f"{base}/v1/models", timeout=timeout, allow_redirects=False) as response:
                status = response.status
    except CommandError as error:
        raise CommandError(f"{error}\n{_HINT}", error.exit_code) from error
    if status == 401:
        raise CommandError("the sidecar requires a key: use --key KEY or the variable PARROT_API_KEY", exit_code=2)
    if status != 200:
        raise CommandError(f"{strip_userinfo(url)} responded {status} to GET /v1/models: not a sidecar")


def _configured_url(arguments: Namespace) -> str:
    """Return the URL of the listener in the routing file, or without a file that of the default."""
    if not (arguments.config or os.path.lexists(file.DEFAULT)):
        return url_of(Listen())
    return url_of(file.load_generation(file.config_path(arguments)).snapshot.listen)


def url_of(listen: Listen) -> str:
    """Return where a sidecar with that listener is reached from this machine: a URL, or `unix:PATH`."""
    if listen.unix is not None:
        return f"{_UNIX}{listen.unix}"
    host = _REACHABLE.get(listen.hosts[0], listen.hosts[0])
    return f"http://[{host}]:{listen.port}" if ":" in host else f"http://{host}:{listen.port}"
