"""`parrot top` shows a running sidecar, or says in one line why it cannot."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import Any

import pytest

from proxy.cli import main, top
from proxy.cli.command import CommandError
from tests.running import HELLO, TWO_PROVIDERS, run_sidecar

KEYED = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: s3cret}]}},")


def asked(url: str, key: str | None = None) -> Namespace:
    return Namespace(url=url, key=key, once=True)


async def test_one_look_shows_every_provider_and_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    async with run_sidecar() as started, started.client() as client:
        await client.chat.completions.create(model="m", messages=HELLO)
        await started.sidecar.handler.wait_idle()
        assert await top._top(asked(f"{started.url}/"), asyncio.Event()) == 0
        digest = started.sidecar.handler.generation.digest
    text = capsys.readouterr().out
    assert "first" in text and "second" in text and "● healthy" in text
    assert digest in text and "1 requests, 0 needed a second try" in text


@pytest.mark.parametrize("given", ["argument", "variable"])
async def test_a_key_is_sent(given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if given == "variable":
        monkeypatch.setenv("PARROT_API_KEY", "s3cret")
    async with run_sidecar(KEYED) as started:
        assert await top._top(asked(started.url, "s3cret" if given == "argument" else None), asyncio.Event()) == 0
    assert "All is well" in capsys.readouterr().out


async def test_a_missing_key_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARROT_API_KEY", raising=False)
    async with run_sidecar(KEYED) as started:
        with pytest.raises(CommandError, match="asks for a key: --key"):
            await top._top(asked(started.url), asyncio.Event())


def test_nobody_there_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--url", "http://user:canary@127.0.0.1:1"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("parrot: no sidecar answers: ") and "canary" not in said


def test_without_rich_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(top, "_RICH", False)
    assert main(["top"]) == 1
    assert "pip install 'parrot-sidecar[cli]'" in capsys.readouterr().err


async def test_it_draws_again_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    stopped = asyncio.Event()

    async def rested(_: asyncio.Event) -> bool:
        return len(drawn) > 2

    monkeypatch.setattr(top, "_is_stopped_within", rested)
    monkeypatch.setattr(top.Live, "update", lambda self, frame, refresh: drawn.append(frame))
    async with run_sidecar() as started:
        assert await top._top(Namespace(url=started.url, key=None, once=False), stopped) == 0
    assert len(drawn) == 3


async def test_a_sidecar_that_leaves_is_waited_for() -> None:
    async with run_sidecar() as started, top.aiohttp.ClientSession() as http:
        watcher = top._Poller(http, started.url)
        await watcher.poll()
        await started.sidecar.stop()
        assert "trying again" in str(await top._next(watcher, top.Console()))
