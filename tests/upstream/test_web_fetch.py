"""Files come from public addresses only, whatever names and redirects lead there."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import replace

import pytest

from proxy.errors import OverloadedError
from proxy.file_fetches import FileFetchError
from proxy.upstream import web_fetch
from proxy.upstream.http1.resolver import Address
from proxy.upstream.web_fetch import WebFetcher
from tests.fakes import settle
from tests.upstream.http1.client import NO_TRUST
from tests.web_server import PNG, WebServer, page, redirect

NOWHERE = "its host cannot be reached, or is not a public one"


def fetcher(server: WebServer) -> WebFetcher:
    """A fetcher that takes the server's address for a public one."""
    return WebFetcher(NO_TRUST, lookup=server.lookup, is_allowed=lambda address: address == "127.0.0.1")


def ignore(size: int) -> None:
    """Count nothing."""


async def failure(one: WebFetcher, url: str, count: Callable[[int], None] = ignore) -> str:
    with pytest.raises(FileFetchError) as caught:
        await one.fetch(url, count)
    return caught.value.message


async def test_a_file_is_fetched_with_nothing_but_its_address() -> None:
    async with WebServer({"/a.png?size=2": page(PNG)}) as server:
        sizes: list[int] = []
        assert await fetcher(server).fetch(server.url("/a.png?size=2"), sizes.append) == PNG
        assert sum(sizes) == len(PNG)
        request, *fields = server.heads[0].split("\r\n")
        names = {field.partition(":")[0].lower() for field in fields if field}
        assert request == "GET /a.png?size=2 HTTP/1.1"
        assert names == {"host", "accept", "accept-encoding", "content-length"}
        await server.was_left.wait()


async def test_redirects_are_followed_and_each_name_is_checked() -> None:
    async with WebServer({"/1": redirect("/2"), "/2": redirect("//other.test:{port}/3"), "/3": page(PNG)}) as server:
        server.pages["/2"] = redirect(f"//other.test:{server.port}/3")
        assert await fetcher(server).fetch(server.url("/1"), ignore) == PNG
        assert server.hosts == ["pictures.test", "pictures.test", "other.test"]


@pytest.mark.parametrize("inside", [
    "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
    "http://inside.test/", "http://127.1/", "http://missing.test/",
])  # fmt: skip
async def test_an_address_of_the_network_is_refused_as_a_missing_one_is(inside: str) -> None:
    async def lookup(host: str, port: int) -> list[Address]:
        if host == "pictures.test":
            return [Address(2, ("127.0.0.1", port))]
        if host == "missing.test":
            raise OSError("no such name")
        return [Address(2, ("8.8.8.8", port)), Address(2, ("10.1.2.3", port))]

    async with WebServer({"/": redirect(inside)}) as server:
        one = replace(fetcher(server), lookup=lookup)
        assert await failure(one, inside) == NOWHERE
        assert await failure(one, server.url("/")) == NOWHERE
        assert len(server.heads) == 1


async def test_nothing_local_is_allowed_by_default() -> None:
    async with WebServer({"/": page(PNG)}) as server:
        for host in ("127.0.0.1", "localhost", "pictures.test"):
            assert await failure(WebFetcher(NO_TRUST, lookup=server.lookup), server.url("/", host)) == NOWHERE
        assert server.heads == []


@pytest.mark.parametrize("url, reason", [
    ("ftp://pictures.test/a", "is not an http: or https: URL"), ("file:///etc/passwd", "is not an http: or https: URL"),
    ("http://", "is not an http: or https: URL"), ("http://[", "is not a valid URL"),
    ("http://user:secret@pictures.test/a", "must not have a user name or password in it"),
    ("http://pictures.test/a b", NOWHERE), ("http://pictures.test:99999/", NOWHERE),
])  # fmt: skip
async def test_other_urls_are_refused_also_as_the_target_of_a_redirect(url: str, reason: str) -> None:
    async with WebServer({"/": redirect(url)}) as server:
        assert await failure(fetcher(server), url) == reason
        assert "secret" not in await failure(fetcher(server), server.url("/"))


async def test_other_responses_are_no_file() -> None:
    loop = {
        "/1": redirect("/1"),
        "/404": page(b"no", "404 Not Found"),
        "/300": page(b"", "302 Found"),
        "/bad": b"hello\r\n\r\n",
    }
    async with WebServer(loop) as server:
        one = fetcher(server)
        assert await failure(one, server.url("/1")) == "is behind more than 3 redirects"
        assert len(server.heads) == 4
        assert await failure(one, server.url("/404")) == "its server responded with 404"
        assert await failure(one, server.url("/300")) == "its server responded with 302"
        assert await failure(one, server.url("/bad")) == "its server did not send it"


async def test_a_file_that_is_too_large_is_refused_before_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_fetch, "MAX_FILE_BYTES", 2**20)
    bomb = page(gzip.compress(b"\0" * 2**24), "200 OK", "Content-Encoding: gzip")
    async with WebServer({"/large": page(b"x" * (2**20 + 1)), "/bomb": bomb}) as server:
        for path in ("/large", "/bomb"):
            sizes: list[int] = []
            assert await failure(fetcher(server), server.url(path), sizes.append) == "is over 1 MiB"
            assert sum(sizes) < 2**21


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_fetch, "TIMEOUT_S", 0.01)
    async with WebServer({}) as server:
        assert await failure(fetcher(server), server.url("/silent")) == "did not arrive within 0.01 s"
        await server.was_left.wait()


async def test_lookups_that_hang_are_bounded_also_after_their_files_were_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_fetch, "MAX_LOOKUPS", 2)
    asked: list[str] = []
    answer: asyncio.Future[list[Address]] = asyncio.get_running_loop().create_future()

    async def lookup(host: str, port: int) -> list[Address]:
        asked.append(host)
        return await answer

    one = WebFetcher(NO_TRUST, lookup=lookup)
    tasks = [asyncio.ensure_future(one.fetch(f"http://{name}.test/", ignore)) for name in "ab"]
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await failure(one, "http://c.test/") == NOWHERE and asked == ["a.test", "b.test"]
    answer.set_result([Address(2, ("10.0.0.1", 80))])
    await settle()
    assert await failure(one, "http://c.test/") == NOWHERE and asked == ["a.test", "b.test", "c.test"]


async def test_what_counts_the_bytes_may_refuse_them() -> None:
    def refuse(size: int) -> None:
        raise OverloadedError("full")

    async with WebServer({"/": page(PNG)}) as server:
        with pytest.raises(OverloadedError, match="full"):
            await fetcher(server).fetch(server.url("/"), refuse)
        await server.was_left.wait()


async def test_a_fetch_that_is_cancelled_closes_its_connection() -> None:
    async with WebServer({}) as server:
        task = asyncio.ensure_future(fetcher(server).fetch(server.url("/silent"), ignore))
        while not server.heads:
            await asyncio.sleep(0)
        task.cancel()
        await server.was_left.wait()
        assert task.cancelled()
