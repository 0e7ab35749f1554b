"""`parrot health` tells by its exit code whether a sidecar is ready."""

from __future__ import annotations

import asyncio

import pytest

from proxy.cli import main
from tests.running import RunningSidecar
from tests.silent_provider import SilentProvider


async def health(url: str) -> int:
    """Run the command in a thread, as the server is in the loop of the test."""
    return await asyncio.to_thread(main, ["health", "--url", url])


async def test_a_running_sidecar_is_ready(two_providers: RunningSidecar, capsys: pytest.CaptureFixture[str]) -> None:
    assert await health(two_providers.sidecar.admin_url) == 0
    assert capsys.readouterr() == ("ready\n", "")


async def test_a_draining_sidecar_is_not(two_providers: RunningSidecar, capsys: pytest.CaptureFixture[str]) -> None:
    await two_providers.admin("POST", "/admin/drain")
    assert await health(two_providers.sidecar.admin_url) == 1
    assert capsys.readouterr() == ("", "parrot: not ready: draining\n")


def test_where_nothing_listens_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "--url", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == "parrot: cannot reach http://127.0.0.1:1: connection refused\n"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
            "responded 404: not the admin listener of a sidecar",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<p>", "responded 200: not the admin listener of a sidecar"),
        (b"SSH-2.0-OpenSSH\r\n", "it does not speak HTTP"),
        (b"", "timed out"),
    ],
)
async def test_something_else_is_one_line(
    sent: bytes, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.cli.health._TIMEOUT_S", 0.2 if not sent else 20)
    async with SilentProvider(sent) as other:
        assert await health(f"http://127.0.0.1:{other.port}") == 1
    output = capsys.readouterr().err
    assert output.startswith("parrot: ") and output.endswith(f"{message}\n") and output.count("\n") == 1


@pytest.mark.parametrize("url", ["127.0.0.1:9464", "https://x", "http://x:port", "http://:1"])
def test_an_unusable_url_is_invalid_usage(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["health", "--url", url])
    assert caught.value.code == 2
    assert f"argument --url: expected http://HOST:PORT, got '{url}'" in capsys.readouterr().err
