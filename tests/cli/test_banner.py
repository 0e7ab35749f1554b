"""What `parrot serve` prints at start tells where it listens, and shows a command that works."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from proxy.cli.file import load_generation
from proxy.cli.main import build_parser
from proxy.cli.serve import _serve
from tests.fakes import PROVIDER_KEY, routing_yaml

Serve = Callable[..., Awaitable[str]]
NO_KEY = '"${PARROT_NO_SUCH_KEY}"'


@pytest.fixture
def serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Serve:
    """Start and stop a sidecar with a file, and return what it printed."""

    async def start(content: str, *options: str) -> str:
        path = tmp_path / "routing.yaml"
        path.write_text(content)
        argv = ["serve", "-c", str(path), "--admin-port", "0", *options]
        stopped = asyncio.Event()
        stopped.set()
        assert await _serve(build_parser(argv).parse_args(argv), load_generation(str(path)), stopped) == 0
        return capsys.readouterr().out

    return start


async def test_it_shows_addresses_providers_and_an_example(serve: Serve) -> None:
    output = await serve(routing_yaml().replace(PROVIDER_KEY, NO_KEY, 1), "--port", "0")
    assert re.match(r"parrot \S+ listening on http://127.0.0.1:\d+, configured by \S+/routing.yaml\n", output)
    assert "  providers: b, c\n  disabled: a (PARROT_NO_SUCH_KEY is not set)\n" in output
    assert "/v1/chat/completions" in output and '"model": "m"' in output
    assert PROVIDER_KEY not in output


async def test_without_models_the_example_names_one_of_a_provider(serve: Serve) -> None:
    output = await serve("providers: {a: {dialect: openai, base_url: 'http://127.0.0.1:1'}}\n", "--port", "0")
    assert "try it, with a model of the provider in place of MODEL:" in output and '"model": "a/MODEL"' in output


async def test_the_example_is_of_a_model_that_an_enabled_provider_serves(serve: Serve) -> None:
    content = routing_yaml().replace(PROVIDER_KEY, NO_KEY, 1).replace("models:", "models:\n  first: {a: m}")
    assert '"model": "m"' in await serve(content, "--port", "0")


@pytest.mark.parametrize("content", [routing_yaml().replace(PROVIDER_KEY, NO_KEY), "providers: {}\nmodels: {}\n"])
async def test_without_an_enabled_provider_it_shows_no_command_that_fails(content: str, serve: Serve) -> None:
    output = await serve(content, "--port", "0")
    assert "  providers: none\n" in output and "no provider is enabled, so every request would fail" in output
    assert "curl" not in output and "parrot serve --sandbox" in output


async def test_where_a_key_is_required_the_example_has_its_place(serve: Serve) -> None:
    pipeline = "[access_log, {auth: {keys: [{name: app, value: client-secret-1}]}}]"
    output = await serve(routing_yaml(pipeline), "--port", "0")
    assert "-H 'Authorization: Bearer KEY' -H 'Content-Type" in output and "client-secret" not in output


async def test_it_shows_all_addresses_of_a_list(serve: Serve) -> None:
    output = await serve(routing_yaml() + "listen: {host: [127.0.0.1, 127.0.0.2], port: 0}\n")
    found = re.match(r"parrot \S+ listening on http://(\S+), http://(\S+), configured by ", output)
    assert found is not None
    first, second = found.groups()
    assert first.partition(":")[::2] == ("127.0.0.1", second.partition(":")[2]) and second.startswith("127.0.0.2:")
    assert f"curl http://{first}/v1/chat/completions" in output
