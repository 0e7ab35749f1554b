"""The sidecar that answers is found by URL, by the routing file, or started."""

from __future__ import annotations

import socket
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.cli.command import CommandError
from proxy.cli.compare.connection import connect, url_of
from proxy.config.process_schema import Listen
from tests.cli.compare.samples import HELLO
from tests.running import TWO_PROVIDERS, run_sidecar

PROVIDERS = TWO_PROVIDERS[TWO_PROVIDERS.index("providers:") :]
WITH_KEYS = f"pipeline: [auth: {{keys: [{{name: a, value: the-key}}]}}]\n{PROVIDERS}"


def arguments(**options: Any) -> Namespace:
    return Namespace(**{"url": None, "key": None, "config": None, "sandbox": False, "file": None, **options})


async def error_of(options: Namespace) -> str | None:
    """The error of a chat by way of that command line, None if there is an answer."""
    async with connect(options) as client:
        return (await client.ask({"model": "m", **HELLO})).error


@pytest.mark.parametrize("path", ["", "/", "/v1"])
async def test_a_sidecar_is_named_by_its_url(path: str) -> None:
    async with run_sidecar() as running:
        assert await error_of(arguments(url=running.url + path)) is None


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        (Listen(), "http://127.0.0.1:8090"),
        (Listen(host="0.0.0.0", port=1), "http://127.0.0.1:1"),
        (Listen(host=("::", "10.0.0.1")), "http://[::1]:8090"),
        (Listen(host="localhost"), "http://localhost:8090"),
        (Listen(unix="/run/parrot.sock"), "unix:/run/parrot.sock"),
    ],
)
def test_a_listener_is_reached_from_this_machine(listen: Listen, url: str) -> None:
    assert url_of(listen) == url


async def test_the_routing_file_says_where_the_sidecar_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with run_sidecar() as running:
        text = f"listen: {{port: {running.url.rpartition(':')[2]}}}\n{PROVIDERS}"
        for name, options in (("routing.yaml", arguments()), ("other.yaml", arguments(config="other.yaml"))):
            (tmp_path / name).write_text(text)
            assert await error_of(options) is None
            (tmp_path / name).unlink()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this platform has no unix sockets")
async def test_a_sidecar_may_listen_on_a_unix_socket(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})

    application = web.Application()
    application.router.add_route("*", "/v1/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    assert await error_of(arguments(url=f"unix:{tmp_path}/s")) is None
    await runner.cleanup()


async def test_a_sandbox_is_started(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_text(PROVIDERS)
    assert await error_of(arguments(sandbox=True, config=str(tmp_path / "routing.yaml"))) is None


@pytest.mark.parametrize(("option", "variable"), [("the-key", None), (None, "the-key")])
async def test_the_key_is_an_option_or_a_variable(
    option: str | None, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("PARROT_API_KEY", variable)
    async with run_sidecar(WITH_KEYS) as running:
        assert await error_of(arguments(url=running.url, key=option)) is None


async def test_a_key_that_no_header_can_carry_is_not_shown() -> None:
    with pytest.raises(
        CommandError, match="^the key contains a space, a line break or a non-ASCII character$"
    ) as caught:
        await error_of(arguments(url="http://127.0.0.1:1", key="canary\nX: y"))
    assert caught.value.exit_code == 2


async def test_a_missing_key_is_invalid_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARROT_API_KEY", raising=False)
    async with run_sidecar(WITH_KEYS) as running:
        with pytest.raises(
            CommandError, match="requires a key: use --key KEY or the variable PARROT_API_KEY"
        ) as caught:
            await error_of(arguments(url=running.url))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "message", "exit_code"),
    [
        ("http://user:canary@127.0.0.1:1", "cannot connect to http://127.0.0.1:1: connection refused", 1),
        ("nonsense", "'nonsense' is not a URL such as http://127.0.0.1:8090", 2),
        ("unix:/no/such/socket", "cannot connect to unix:/no/such/socket: no such file or directory", 1),
    ],
)
async def test_without_a_sidecar_the_error_says_what_to_do(url: str, message: str, exit_code: int) -> None:
    with pytest.raises(CommandError) as caught:
        await error_of(arguments(url=url))
    first, *hints = str(caught.value).splitlines()
    assert (first, caught.value.exit_code) == (message, exit_code)
    assert [line.split()[0] for line in hints] == ["parrot", "--url", "--sandbox"]


async def test_another_server_is_not_taken_for_a_sidecar() -> None:
    async with run_sidecar() as running:
        with pytest.raises(CommandError, match="responded 404 to GET /v1/models: not a sidecar"):
            await error_of(arguments(url=running.sidecar.admin_url))
