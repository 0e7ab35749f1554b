"""The images and files that the sidecar fetches for a request, once for all of its attempts (`translate: fetch_images`)."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Protocol

from proxy.dialects.hub.content import media_type_of
from proxy.dialects.hub.remote_files import RemoteFile
from proxy.errors import InvalidRequestError, ParrotError
from proxy.memory_account import MemoryAccount

MAX_FILES = 8
"""Addresses that are fetched for one request."""
MAX_BYTES = 32 * 2**20
"""Of all files of a request together, each in every place that it has there: what providers take in one request."""
_SNIFFED_BYTES = 24
_TYPES = re.compile(r"image/(?:jpeg|png|gif|webp)|application/pdf")
"""Media types, by the first bytes, of files that are handed on."""


class FileFetchError(ParrotError):
    """A file cannot be fetched. The message says why, in words that follow its path, and tells nothing of the network."""

    status = 400
    type = "invalid_request_error"
    code = "file_not_fetched"


_TOO_MANY = FileFetchError(f"is one of more than {MAX_FILES} files to fetch")


class FetchFile(Protocol):
    """Fetches the file at a web address. Raises FileFetchError and OverloadedError."""

    async def __call__(self, url: str, count: Callable[[int], None]) -> bytes:
        """Return its content. `count` is called with the size of each part of it, and may raise."""


async def fetch_no_file(url: str, count: Callable[[int], None]) -> bytes:
    """Refuse to fetch anything, where nothing can."""
    raise FileFetchError("is not fetched here")


class FileFetches:
    """The fetches of one request, and what they have found."""

    __slots__ = ("_fetch", "_held", "_memory", "_places", "_tasks")

    def __init__(self, fetch: FetchFile, memory: MemoryAccount) -> None:
        self._fetch = fetch
        self._memory = memory
        self._tasks: dict[str, asyncio.Task[str | ParrotError]] = {}
        self._places: dict[str, set[str]] = {}
        """The paths in the request that each address was found at."""
        self._held = 0

    async def wait(self, urls: Sequence[str]) -> None:
        """Wait until the files at these addresses are here, or cannot be."""
        for url in urls:
            if url not in self._tasks and len(self._tasks) < MAX_FILES:
                self._tasks[url] = asyncio.ensure_future(self._data_url(url))
        if tasks := [self._tasks[url] for url in urls if url in self._tasks]:
            await asyncio.wait(tasks)

    def must_wait(self, url: str) -> bool:
        """Whether the file at an address is still to be fetched."""
        task = self._tasks.get(url)
        return len(self._tasks) < MAX_FILES if task is None else not task.done()

    def data_url(self, found: RemoteFile) -> str:
        """Return a file that was waited for as a data: URL. Raises InvalidRequestError or OverloadedError if there is none."""
        task = self._tasks.get(found.url)
        outcome = _TOO_MANY if task is None else task.result()
        if isinstance(outcome, str):
            outcome = self._placed(found, outcome)
        if isinstance(outcome, FileFetchError):
            raise InvalidRequestError(f"{found.where}: {outcome.message}", param=found.where, code=outcome.code)
        if isinstance(outcome, ParrotError):
            raise outcome
        return outcome

    def forget(self) -> None:
        """End the fetches and free the files."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks = {}
        self._release(self._held)

    async def _data_url(self, url: str) -> str | ParrotError:
        """Return the file, or else why there is none: the failure is for whichever attempt asks for it later."""
        sizes: list[int] = []

        def count(size: int) -> None:
            self._hold(size)
            sizes.append(size)

        try:
            data = await self._fetch(url, count)
            media_type = media_type_of(data[:_SNIFFED_BYTES])
            if media_type is None or not _TYPES.fullmatch(media_type):
                raise FileFetchError("leads to something else than an image (JPEG, PNG, GIF, WebP) or a PDF")
            count(len(data) // 3)  # by which its base64 is longer
        except ParrotError as error:
            self._release(sum(sizes))
            return error.with_traceback(None)
        return f"data:{media_type};base64,{b64encode(data).decode()}"

    def _placed(self, found: RemoteFile, data: str) -> str | ParrotError:
        """Return the data for a place in the request, or else why it is too much: each place has a copy of its own."""
        places = self._places.setdefault(found.url, {found.where})
        try:
            if found.where not in places:
                self._hold(len(data))
        except ParrotError as error:
            return error.with_traceback(None)
        places.add(found.where)
        return data

    def _hold(self, size: int) -> None:
        if self._held + size > MAX_BYTES:
            raise FileFetchError(f"is too large: the files of one request may have {MAX_BYTES // 2**20} MiB as base64")
        self._memory.hold(size)
        self._held += size

    def _release(self, size: int) -> None:
        self._memory.release(size)
        self._held -= size
