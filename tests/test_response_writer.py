"""A response is written complete, or as a stream through its transforms, which is held until its head is sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from proxy.errors import ForbiddenError
from proxy.ingress.client_format import Framing
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.messages import RawResponse, Response
from proxy.response_writer import ResponseWriter
from tests.virtual_time import virtual_time

PING = b": ping\n\n"


class RecordingClient:
    """A caller's connection that records what is called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *values: self.calls.append((name, *values))


def writer() -> tuple[ResponseWriter, list[Any]]:
    """Return a writer, and the calls that its client gets."""
    client: Any = RecordingClient()
    return ResponseWriter(client, asyncio.get_running_loop()), client.calls


def send(one: ResponseWriter, response: Response) -> str | None:
    return one.send(response, {**response.headers, "X-Request-Id": "1"}, OPENAI_CHAT)


class Upper:
    """A transform that holds its last byte back."""

    def __init__(self, error: Exception | None = None) -> None:
        self._held = b""
        self._error = error

    def feed(self, data: bytes) -> bytes:
        if self._error is not None:
            raise self._error
        data = self._held + data.upper()
        self._held = data[-1:]
        return data[:-1]

    def end(self) -> bytes:
        return self._held + b"!"


@pytest.mark.parametrize(
    ("response", "headers", "body", "outcome"),
    [
        (Response(200, {}, b"{}"), {"Content-Type": "application/json"}, b"{}", "ok"),
        (Response(200, {"Content-Type": "text/html"}, b"<p>"), {"Content-Type": "text/html"}, b"<p>", "ok"),
        (Response(200, {}, b""), {"Content-Type": "application/json"}, b"", "ok"),
        (
            Response.from_error(ForbiddenError("no", headers={"X-A": "1"})),
            {"Content-Type": "application/json", "X-A": "1"},
            ForbiddenError("no").body(),
            "forbidden",
        ),
    ],
)
async def test_a_complete_response_is_sent_at_once(
    response: Response, headers: dict[str, str], body: bytes, outcome: str
) -> None:
    one, calls = writer()
    assert send(one, response) == outcome
    assert calls == [("send", response.status, {**headers, "X-Request-Id": "1"}, body)]
    assert not one.is_streaming


async def test_a_stream_has_its_headers_and_ends_with_its_outcome() -> None:
    one, calls = writer()
    assert send(one, Response(200, {"X-A": "1"}, None)) is None and one.is_streaming
    one.write(b"a")
    one.write(b"b")
    assert one.finish("ok") == "ok" and not one.is_streaming
    [(name, status, headers), *rest] = calls
    assert (name, status) == ("start_stream", 200)
    assert headers == {
        "X-A": "1",
        "X-Request-Id": "1",
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
    }
    assert rest == [("write", b"a"), ("write", b"b"), ("end_stream",)]


@pytest.mark.parametrize("is_finished", [True, False])
async def test_what_is_written_before_the_head_is_held(is_finished: bool) -> None:
    one, calls = writer()
    one.write(b"a")
    one.write(b"b")
    assert not is_finished or one.finish("cut") is None
    assert calls == []
    assert send(one, Response(200, {}, None)) == ("cut" if is_finished else None)
    assert calls[1:] == [("write", b"a"), ("write", b"b"), *([("end_stream",)] if is_finished else [])]


async def test_transforms_apply_in_order_and_are_flushed_at_the_end() -> None:
    one, calls = writer()
    send(one, Response(200, {}, None, transforms=[Upper(), Upper()]))
    for data in (b"a", b"b", b"c"):
        one.write(data)
    one.finish("ok")
    assert b"".join(call[1] for call in calls if call[0] == "write") == b"ABC!!"
    assert all(call[1] for call in calls if call[0] == "write")


async def test_an_exception_of_a_transform_passes_and_the_stream_can_be_ended_past_it() -> None:
    one, calls = writer()
    send(one, Response(200, {}, None, transforms=[Upper(KeyError("bug"))]))
    with pytest.raises(KeyError):
        one.write(b"a")
    assert one.is_streaming
    one.abort(b"error")
    assert calls[1:] == [("write", b"error"), ("end_stream",)] and not one.is_streaming


async def test_after_its_end_a_stream_writes_nothing() -> None:
    one, calls = writer()
    send(one, Response(200, {}, None))
    one.finish("ok")
    before = list(calls)
    one.write(b"late")
    assert one.finish("late") is None and calls == before and one.due == float("inf")


async def test_a_raw_response_gets_the_connection() -> None:
    async def run(http_request: Any, headers: Any) -> None:
        """Not run here."""

    one, calls = writer()
    assert send(one, RawResponse(101, {}, b"", run=run)) is None
    assert calls == [("hijack", run, {"X-Request-Id": "1"})] and one.is_hijacked and not one.is_streaming


@virtual_time
async def test_a_ping_is_due_after_silence() -> None:
    one, calls = writer()
    loop = asyncio.get_running_loop()
    one.ping_s = 15.0
    assert one.due == float("inf")
    send(one, Response(200, {}, None))
    assert one.due == loop.time() + 15
    await asyncio.sleep(10)
    one.write(b"a")
    assert one.due == loop.time() + 15
    await asyncio.sleep(15)
    one.ping()
    assert calls[-1] == ("write", PING) and one.due == loop.time() + 15


@virtual_time
async def test_what_a_transform_holds_back_does_not_put_the_ping_off() -> None:
    one, _ = writer()
    one.ping_s = 15.0
    send(one, Response(200, {}, None, transforms=[Upper()]))
    due = one.due
    await asyncio.sleep(10)
    one.write(b"a")
    assert one.due == due


class Numbered:
    """A framing that counts what it gets."""

    def __init__(self) -> None:
        self._count = 0

    def feed(self, data: bytes) -> bytes:
        self._count += bool(data)
        return b"%d:%b," % (self._count, data) if data else b""

    def end(self) -> bytes:
        return b"end"


@pytest.mark.parametrize("how", ["finish", "abort"])
async def test_a_framing_is_the_last_transform_and_always_ends(how: str) -> None:
    one, calls = writer()
    framed = replace(OPENAI_CHAT, framing_of=lambda path: Framing("text/plain", Numbered) if path == "/p?x" else None)
    assert one.send(Response(200, {}, None, [Upper()]), {}, framed, "/p?x") is None
    one.write(b"ab")
    one.finish("ok") if how == "finish" else one.abort(b"c")
    assert calls[0][2]["Content-Type"] == "text/plain"
    sent = b"".join(call[1] for call in calls if call[0] == "write")
    assert sent == {"finish": b"1:A,2:B!,end", "abort": b"1:A,2:c,end"}[how]


async def test_without_a_framing_for_the_path_events_are_sent() -> None:
    one, calls = writer()
    one.send(Response(200, {}, None), {}, replace(OPENAI_CHAT, framing_of=lambda path: None), "/p")
    assert calls[0][2]["Content-Type"].startswith("text/event-stream")
