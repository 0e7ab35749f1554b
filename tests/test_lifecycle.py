"""The phases of a request run in order, and whichever of them fails, the request ends once with everything released."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.errors import ForbiddenError, OverloadedError, ParrotError
from proxy.exchange import Exchange
from proxy.messages import RawResponse, Response
from tests.drivers import both_drivers
from tests.fakes import FOREVER, MemoryLog, chunk_event, run_request, settle, start_request
from tests.probes import STREAM, Probe, assert_released, insert, one_request, three, with_local_endpoint

TEXT, FINISH, DONE = chunk_event("text"), chunk_event(finish="stop"), b"data: [DONE]\n\n"


@both_drivers
@pytest.mark.parametrize(
    ("rows", "raw", "end"),
    [
        ([200], b"", ("200", "ok")),
        ([504, 200], b"", ("200", "ok")),
        ([[TEXT, FINISH, DONE]], STREAM, ("200", "ok")),
        ([504, 504, 504], b"", ("504 upstream_timeout", "upstream_timeout")),
        ([400], b"", ("400 invalid_request", "invalid_request")),
        ([[TEXT]] * 3, STREAM, ("200", "upstream_disconnected")),
    ],
)
async def test_phases_run_inwards_and_then_outwards(
    driver: str, rows: list[Any], raw: bytes, end: tuple[str, str]
) -> None:
    calls: list[str] = []
    one = one_request(*rows, raw=raw)
    await run_request(one, insert(three(calls, driver)))
    labels, (status, outcome) = ("outer", "middle", "inner"), end
    assert calls == [
        *[f"before {each}" for each in labels],
        *[f"after {each} {status}" for each in reversed(labels)],
        *[f"closed {each} {outcome}" for each in reversed(labels)],
    ]
    assert_released(one)


FAILURES = [(ForbiddenError("no"), "403 forbidden", 403), (KeyError("bug"), "500 internal_error", 500)]


@both_drivers
@pytest.mark.parametrize(("error", "shown", "status"), FAILURES)
@pytest.mark.parametrize("failing", ["outer", "middle", "inner"])
async def test_if_before_fails_only_the_middlewares_outside_of_it_run(
    driver: str, error: Exception, shown: str, status: int, failing: str
) -> None:
    calls, log = [], MemoryLog()
    one = one_request(200, log=log)
    client = await run_request(one, insert(three(calls, driver, **{failing: {"errors": {"before": error}}})))
    labels = ["outer", "middle", "inner"]
    reached = labels[: labels.index(failing)]
    assert (client.status, one.runtime.transport.sent) == (status, [])
    assert calls == [
        *[f"before {each}" for each in (*reached, failing)],
        *[f"after {each} {shown}" for each in reversed(reached)],
        *[f"closed {each} {shown.split()[1]}" for each in reversed(reached)],
    ]
    assert_released(one)
    assert_logged(log, error)


@both_drivers
@pytest.mark.parametrize(("error", "shown", "status"), FAILURES)
@pytest.mark.parametrize("failing", ["outer", "middle", "inner"])
@pytest.mark.parametrize("raw", [b"", STREAM])
async def test_if_after_fails_its_error_is_the_response_for_the_phases_that_follow(
    driver: str, error: Exception, shown: str, status: int, failing: str, raw: bytes
) -> None:
    calls, log = [], MemoryLog()
    one = one_request([TEXT, FOREVER] if raw else 200, raw=raw, log=log)
    client = await run_request(one, insert(three(calls, driver, **{failing: {"errors": {"after": error}}})))
    labels = ["inner", "middle", "outer"]
    index = labels.index(failing)
    assert (client.status, client.error["code"]) == (status, shown.split()[1])
    assert calls[3:] == [
        *[f"after {each} 200" for each in labels[: index + 1]],
        *[f"after {each} {shown}" for each in labels[index + 1 :]],
        *[f"closed {each} {shown.split()[1]}" for each in labels],
    ]
    assert_released(one)
    assert_logged(log, error)


@pytest.mark.parametrize("error", [ForbiddenError("no"), KeyError("bug")])
@pytest.mark.parametrize("failing", ["outer", "middle", "inner"])
async def test_if_closed_fails_the_others_run_and_the_response_was_sent(error: Exception, failing: str) -> None:
    calls, log = [], MemoryLog()
    one = one_request(200, log=log)
    client = await run_request(one, insert(three(calls, "callbacks", **{failing: {"errors": {"closed": error}}})))
    assert client.status == 200
    assert calls[-3:] == [f"closed {each} ok" for each in ("inner", "middle", "outer")]
    assert {line["event"] for line in log.lines} == {"request_completed", "request_unhandled_error"}
    assert_released(one)


def assert_logged(log: MemoryLog, error: Exception) -> None:
    """Assert that there is a traceback in the log for an exception that nobody expects, and for no other."""
    events = [line["event"] for line in log.lines]
    assert events.count("request_unhandled_error") == (not isinstance(error, ParrotError))
    assert ("KeyError: 'bug'" in log.text) is not isinstance(error, ParrotError)


# A request's own endpoints.


def answer_now(one: Exchange) -> Response:
    return Response(200, {"X-A": "1"}, one.raw)


async def answer_later(one: Exchange) -> Response:
    await asyncio.sleep(0)
    return answer_now(one)


def refuse_now(one: Exchange) -> Response:
    raise ForbiddenError("no")


async def refuse_later(one: Exchange) -> Response:
    await asyncio.sleep(0)
    return refuse_now(one)


def crash_now(one: Exchange) -> Response:
    raise KeyError("bug")


async def crash_later(one: Exchange) -> Response:
    await asyncio.sleep(0)
    return crash_now(one)


@both_drivers
@pytest.mark.parametrize(
    ("handler", "status", "body"),
    [
        (answer_now, 200, b"sent"),
        (answer_later, 200, b"sent"),
        (refuse_now, 403, b"forbidden"),
        (refuse_later, 403, b"forbidden"),
        (crash_now, 500, b"internal_error"),
        (crash_later, 500, b"internal_error"),
    ],
)
async def test_a_local_endpoint_answers_at_once_or_later_after_limits(
    driver: str, handler: Any, status: int, body: bytes
) -> None:
    calls: list[str] = []
    one = one_request(raw=b"sent", path="/local")
    one.endpoint = ""
    client = await run_request(one, insert(three(calls, driver), with_local_endpoint(handler)))
    assert client.status == status and body in client.body
    assert client.headers.get("X-A") == ("1" if status == 200 else None)
    assert [call.split()[:2] for call in calls] == [["before", "outer"], ["after", "outer"], ["closed", "outer"]]
    assert_released(one)


@pytest.mark.parametrize(("error", "outcome"), [(None, "ok"), (KeyError("bug"), "internal_error")])
async def test_a_raw_response_gets_the_connection_and_the_headers_of_every_response(
    error: Exception | None, outcome: str
) -> None:
    async def run(http_request: Any, headers: Any) -> None:
        """Not run by the fake client."""

    log = MemoryLog()
    one = one_request(path="/local", log=log)
    client = start_request(one, with_local_endpoint(lambda one: RawResponse(101, {"X-A": "1"}, b"", run=run)))
    assert client.is_hijacked and not client.has_ended.is_set()
    assert client.headers["X-A"] == "1" and client.headers["X-Request-Id"] == "req-1"
    client.lifecycle.interrupt(OverloadedError("the sidecar is shutting down"))  # it ends with its own protocol
    assert not client.has_ended.is_set()
    client.lifecycle.hijack_done(error)
    assert client.has_ended.is_set() and one.outcome == outcome and client.is_closed is (error is not None)
    assert_released(one)


# A body that is still to come.


@both_drivers
async def test_a_body_that_comes_later_is_counted_as_it_comes(driver: str) -> None:
    calls: list[str] = []
    one = one_request(200)
    client = start_request(one, insert(three(calls, driver)), body_is_late=True)
    await settle()
    assert calls == ["before outer"] and one.runtime.load.requests == 0
    for _ in range(3):
        client.lifecycle.feed_body(len(client.raw) // 3)
    assert one.runtime.load.buffered_bytes == len(client.raw) // 3 * 3
    client.lifecycle.end_body(client.raw)
    await client.has_ended.wait()
    assert client.status == 200 and one.raw == client.raw
    assert_released(one)


@both_drivers
async def test_a_body_that_grows_over_the_limit_is_a_413(driver: str) -> None:
    calls: list[str] = []
    one = one_request(200)
    client = start_request(one, insert(three(calls, driver)), body_is_late=True)
    await settle()
    with pytest.raises(ParrotError) as caught:
        client.lifecycle.feed_body(33 * 2**20)
    client.lifecycle.fail(caught.value)
    await settle()
    assert (client.status, client.error["code"]) == (413, "request_too_large")
    assert calls == ["before outer", "after outer 413 request_too_large", "closed outer request_too_large"]
    assert_released(one)


def test_probes_have_places() -> None:
    names = [type(each).__name__ for each in insert(three([], "callbacks")).middlewares]
    assert names[0] == names[-1] == Probe.__name__ and names[names.index("Limits") + 1] == Probe.__name__
