"""The names of aiohttp that the protocol uses although they are private still exist, and are all listed."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.deadline_timer import DeadlineTimer
from proxy.downstream.server_protocol import PRIVATE_NAMES, ServerProtocol
from proxy.errors import ParrotError
from tests.source import sources


def test_the_private_names_exist_in_the_installed_version() -> None:
    async def serve(request: Any) -> Any:
        """Not called."""

    loop = asyncio.new_event_loop()
    try:
        protocol = RequestHandler(web.Server(serve, loop=loop), loop=loop)
        assert [name for name in PRIVATE_NAMES if not hasattr(protocol, name)] == []
    finally:
        loop.close()


def private_names(path: str) -> Iterator[str]:
    """Yield the private attributes of `self` and `super()` that a module uses."""
    for node in ast.walk(ast.parse(sources()[path])):
        is_own = isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
        if is_own and node.attr.startswith("_") and not node.attr.endswith("__"):
            yield node.attr


def test_the_list_of_private_names_is_complete_and_has_no_other() -> None:
    used = set(private_names("proxy/downstream/server_protocol.py")) - set(ServerProtocol.__slots__)
    assert used == set(PRIVATE_NAMES)


@pytest.mark.parametrize(
    "path", ["proxy/downstream/client_connection.py", "proxy/server.py", "proxy/downstream/body_reader.py"]
)
def test_no_other_file_uses_them(path: str) -> None:
    assert set(private_names(path)) & set(PRIVATE_NAMES) <= {"_manager"}


class Recorder(ServerProtocol):
    """Takes requests one at a time."""

    __slots__ = ("taken", "waits")

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.taken: list[Any] = []
        self.waits = False

    def step(self) -> bool:
        if self.waits or (request := self.next_request()) is None:
            return False
        message, _ = request
        self.taken.append(message.status if isinstance(message, ParrotError) else message.path)
        count = len(self.taken)
        self.pump()  # called again from within, it must not take another
        assert len(self.taken) == count
        return True


def recorder() -> Recorder:
    loop = asyncio.get_running_loop()

    async def serve(request: Any) -> Any:
        """Not called."""

    return Recorder(web.Server(serve), loop, DeadlineTimer())


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def test_requests_are_taken_in_order_within_the_call_that_brings_them() -> None:
    one = recorder()
    one.data_received(request("/1") + request("/2")[:10])
    assert one.taken == ["/1"] and not one.has_next_request
    one.data_received(request("/2")[10:])
    assert one.taken == ["/1", "/2"]


async def test_a_request_waits_while_the_connection_is_busy_or_writing_is_paused() -> None:
    one = recorder()
    one.waits = True
    one.data_received(request("/1"))
    assert one.taken == [] and one.has_next_request
    one.waits = False
    one.pause_writing()
    one.pump()
    assert one.taken == []
    one.resume_writing()
    one.pump()
    assert one.taken == ["/1"]


async def test_what_is_not_http_is_taken_as_an_error_without_what_arrived() -> None:
    one = recorder()
    one.waits = True
    one.data_received(b"secret\r\n\r\n")
    [(error, _)] = one._messages
    assert isinstance(error, ParrotError) and "secret" not in f"{vars(error)}{error.args}{error.__context__}"
    one.waits = False
    one.pump()
    assert one.taken == [400]


@pytest.mark.parametrize("end", ["discard_input", "close", "force_close"])
async def test_nothing_is_taken_of_what_comes_after_the_end(end: str) -> None:
    one = recorder()
    one.waits = True
    one.data_received(request("/1"))
    getattr(one, end)()
    one.waits = False
    one.data_received(request("/2"))
    one.pump()
    assert one.taken == []


async def test_requests_are_counted() -> None:
    one = recorder()
    one.data_received(request("/1") + request("/2"))
    assert one._manager is not None and one._manager.requests_count == 2
