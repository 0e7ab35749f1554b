"""The files of a request are fetched once, within its limits, and freed with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from proxy.dialects.hub.remote_files import RemoteFile
from proxy.errors import InvalidRequestError, OverloadedError
from proxy.file_fetches import MAX_BYTES, MAX_FILES, FileFetchError, FileFetches, fetch_no_file
from proxy.memory_account import Load, MemoryAccount
from tests.web_server import PDF, PNG

LARGE = 10**6


class Web:
    """Has files at addresses. What is not there is not found."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str, count: Callable[[int], None]) -> bytes:
        self.asked.append(url)
        await self.gate.wait()
        if url not in self.files:
            raise FileFetchError("is not there")
        count(len(self.files[url]))
        return self.files[url]


def fetches_of(web: Web, limit: float = LARGE) -> tuple[FileFetches, Load]:
    load = Load()
    return FileFetches(web.fetch, MemoryAccount(load, limit)), load


def at(url: str) -> RemoteFile:
    return RemoteFile("messages[0].content[1].image_url.url", url, is_image=True)


async def test_a_file_is_fetched_once_and_its_type_is_that_of_its_first_bytes() -> None:
    web = Web(a=PNG, b=PDF)
    fetches, load = fetches_of(web)
    assert fetches.must_wait("a")
    await fetches.wait(["a", "b"])
    await fetches.wait(["a"])
    assert web.asked == ["a", "b"] and not fetches.must_wait("a")
    assert fetches.data_url(at("a")).startswith("data:image/png;base64,iVBORw0KGgo")
    assert fetches.data_url(at("b")).startswith("data:application/pdf;base64,JVBERi0x")
    assert load.buffered_bytes >= len(PNG + PDF)
    fetches.forget()
    assert load.buffered_bytes == 0


def in_place(number: int) -> RemoteFile:
    return at("a")._replace(where=f"messages[{number}].content[0].image_url.url")


async def test_a_file_counts_once_for_each_place_that_it_has_in_the_request() -> None:
    fetches, load = fetches_of(Web(a=PNG + b"x" * 2**20), limit=2**40)
    await fetches.wait(["a"])
    assert fetches.data_url(in_place(0))
    alone = load.buffered_bytes
    for _ in range(2):  # attempts
        assert fetches.data_url(in_place(0)) == fetches.data_url(in_place(1))
        assert 2 * alone <= load.buffered_bytes < 3 * alone
    with pytest.raises(InvalidRequestError, match="too large") as caught:
        for number in range(2, 99):
            fetches.data_url(in_place(number))
    assert (caught.value.param or "").startswith("messages[") and load.buffered_bytes <= MAX_BYTES
    fetches.forget()
    assert load.buffered_bytes == 0


async def test_two_attempts_that_need_it_at_a_time_share_one_fetch() -> None:
    web = Web(a=PNG)
    web.gate.clear()
    fetches, _ = fetches_of(web)
    waits = [asyncio.ensure_future(fetches.wait(["a"])) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    web.gate.set()
    await asyncio.gather(*waits[1:])
    assert web.asked == ["a"] and fetches.data_url(at("a"))


@pytest.mark.parametrize("files, reason", [
    ({}, "is not there"), ({"a": b"<html>secret</html>"}, "leads to something else than an image"),
    ({"a": b""}, "leads to something else"), ({"a": PNG + b"x" * MAX_BYTES}, "is too large"),
])  # fmt: skip
async def test_a_failure_names_the_part_and_holds_nothing(files: dict[str, bytes], reason: str) -> None:
    fetches, load = fetches_of(Web(**files), limit=2**40)
    await fetches.wait(["a"])
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        fetches.data_url(at("a"))
    assert (caught.value.param, caught.value.code) == (at("a").where, "file_not_fetched")
    assert "secret" not in caught.value.message and load.buffered_bytes == 0


async def test_no_more_than_a_number_of_files_is_fetched() -> None:
    names = [f"f{number}" for number in range(MAX_FILES + 1)]
    web = Web(**dict.fromkeys(names, PNG))
    fetches, _ = fetches_of(web)
    await fetches.wait(names)
    assert len(web.asked) == MAX_FILES and fetches.data_url(at(names[0]))
    assert not fetches.must_wait(names[-1])
    await fetches.wait(names[-1:])  # of another attempt, which asked before all were under way
    with pytest.raises(InvalidRequestError, match=f"more than {MAX_FILES} files"):
        fetches.data_url(at(names[-1]))


async def test_a_full_memory_is_the_sidecars_own_error() -> None:
    fetches, load = fetches_of(Web(a=PNG), limit=4)
    await fetches.wait(["a"])
    with pytest.raises(OverloadedError):
        fetches.data_url(at("a"))
    assert load.buffered_bytes == 0


async def test_fetches_end_with_the_request() -> None:
    web = Web(a=PNG)
    web.gate.clear()
    fetches, load = fetches_of(web)
    wait = asyncio.ensure_future(fetches.wait(["a"]))
    await asyncio.sleep(0)
    fetches.forget()
    await asyncio.wait([wait])
    assert load.buffered_bytes == 0 and fetches.must_wait("a")


async def test_nothing_is_fetched_where_nothing_can() -> None:
    with pytest.raises(FileFetchError):
        await fetch_no_file("https://x.y/a.png", lambda size: None)
