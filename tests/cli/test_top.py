"""`parrot top` shows a running sidecar, or ends with one line."""

from __future__ import annotations

import asyncio
import re
from argparse import Namespace
from typing import Any

import pytest
from aioresponses import aioresponses

from proxy.cli import main, top
from proxy.cli.command import CommandError
from tests.running import HELLO, TWO_PROVIDERS, run_sidecar

KEYED = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: s3cret}]}},")


def arguments(url: str, key: str | None = None) -> Namespace:
    return Namespace(url=url, key=key, once=True)


async def test_once_shows_every_provider_and_the_generation(capsys: pytest.CaptureFixture[str]) -> None:
    async with run_sidecar() as started, started.client() as client:
        await client.chat.completions.create(model="m", messages=HELLO)
        await started.sidecar.handler.wait_idle()
        assert await top._top(arguments(f"{started.url}/"), asyncio.Event()) == 0
        digest = started.sidecar.handler.generation.digest
    text = capsys.readouterr().out
    assert "first" in text and "second" in text and "● healthy" in text
    assert digest in text and "1 requests, 0 with failover" in text


@pytest.mark.parametrize("given", ["argument", "variable"])
async def test_a_key_is_sent(given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if given == "variable":
        monkeypatch.setenv("PARROT_API_KEY", "s3cret")
    async with run_sidecar(KEYED) as started:
        assert await top._top(arguments(started.url, "s3cret" if given == "argument" else None), asyncio.Event()) == 0
    assert "All providers are healthy" in capsys.readouterr().out


async def test_a_missing_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARROT_API_KEY", raising=False)
    async with run_sidecar(KEYED) as started:
        with pytest.raises(CommandError, match="requires a key: use --key"):
            await top._top(arguments(started.url), asyncio.Event())


def test_an_unreachable_sidecar_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--url", "http://user:canary@127.0.0.1:1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("parrot: cannot reach the sidecar: ") and "canary" not in error


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({"payload": {}}, "http://other.test: not a Parrot Sidecar endpoint"),
        ({"payload": []}, "http://other.test: not a Parrot Sidecar endpoint"),
        ({"body": "<html>", "content_type": "text/html"}, "responded 200: not a Parrot Sidecar endpoint"),
        ({"status": 404, "body": "?"}, "responded 404: not a Parrot Sidecar endpoint"),
        ({"status": 503, "body": "?"}, "http://other.test responded 503$"),
    ],
)
async def test_another_server_is_an_error(response: Any, message: str, mocked_web: aioresponses) -> None:
    mocked_web.get(re.compile(r"^http://other\.test/"), repeat=True, **response)
    with pytest.raises(CommandError, match=message):
        await top._top(arguments("http://other.test"), asyncio.Event())


def test_without_rich_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(top, "_RICH", False)
    assert main(["top"]) == 1
    assert capsys.readouterr().err.endswith("needs rich, which is not installed: pip install rich\n")


async def test_it_redraws_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[Any] = []
    stopped = asyncio.Event()

    async def wait_for_stop(_: asyncio.Event) -> bool:
        return len(frames) > 2

    monkeypatch.setattr(top, "_wait_for_stop", wait_for_stop)
    monkeypatch.setattr(top.Live, "update", lambda self, frame, refresh: frames.append(frame))
    async with run_sidecar() as started:
        assert await top._top(Namespace(url=started.url, key=None, once=False), stopped) == 0
    assert len(frames) == 3


async def test_a_stopped_sidecar_is_retried() -> None:
    async with run_sidecar() as started, top.aiohttp.ClientSession() as http:
        poller = top._Poller(http, started.url)
        await poller.poll()
        await started.sidecar.stop()
        assert "retrying" in str(await top._next_frame(poller, top.Console()))
