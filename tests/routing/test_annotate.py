"""Cost and decision are inserted into responses; all other bytes stay as the provider sent them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import orjson
import pytest

from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.routing.annotate import StreamAnnotator, format_usd, with_cost, with_routing
from proxy.sse import data_of, encode
from tests.cuts import split_at
from tests.fakes import chunk_event
from tests.running import HELLO, RunningSidecar, run_sidecar

PRICED = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
  second: {dialect: anthropic, base_url: "http://127.0.0.1:1", weight: 1}
models:
  m:
    first: {model: m-one, price: {input: 2, output: 4}}
    second: {model: m-two, price: {input: 3, output: 6}}
  unpriced: {first: m-one, second: m-two}
"""
COST = b'"cost":0.5'
EXPLAIN = {"X-Route-Explain": "true"}
DONE = encode(b"[DONE]")


@pytest.mark.parametrize(
    ("cost", "text"),
    [(0.0, "0"), (1.0, "1"), (100.0, "100"), (0.045, "0.045"), (1.23e-7, "0.000000123"), (1e-12, "0")],
)
def test_usd_is_formatted_as_a_plain_decimal(cost: float, text: str) -> None:
    assert format_usd(cost) == text


@pytest.mark.parametrize(
    ("data", "annotated"),
    [
        (b'{"usage":{"a":1}}', b'{"usage":{"a":1,%b}}'),
        (b'{"usage": {}, "x":1}', b'{"usage": {%b}, "x":1}'),
        (b'{\n  "usage" : {\n "a": {"b": [1, {}]}\n }\n}\n', b'{\n  "usage" : {\n "a": {"b": [1, {}]}\n ,%b}\n}\n'),
        (b'{"x":{"usage":{"a":1}},"usage":{"b":"}"}}', b'{"x":{"usage":{"a":1}},"usage":{"b":"}",%b}}'),
        (b'{"usage":{"b":1},"x":[{"usage":{"a":1}}]}', b'{"usage":{"b":1,%b},"x":[{"usage":{"a":1}}]}'),
        (b'{"c":"\\"usage\\":{","usage":{"a":1}}', b'{"c":"\\"usage\\":{","usage":{"a":1,%b}}'),
        (b'{"c":"{[\\\\","usage":{"a":1},"x":{"usage":{}}}', b'{"c":"{[\\\\","usage":{"a":1,%b},"x":{"usage":{}}}'),
        (b'data: {"usage":{"a":1}}\n\n', b'data: {"usage":{"a":1,%b}}\n\n'),
        (b'{"response":{"usage":{"a":1}}}', b'{"response":{"usage":{"a":1,%b}}}'),
    ],
)
def test_cost_becomes_the_last_member_of_usage(data: bytes, annotated: bytes) -> None:
    assert with_cost(data, 0.5) == annotated.replace(b"%b", COST)


@pytest.mark.parametrize("data", [b"{}", b'{"usage":null}', b'{"c":"\\"usage\\":{"}', b": ping\n\n", DONE, b""])
def test_without_usage_no_cost_is_inserted(data: bytes) -> None:
    assert with_cost(data, 0.5) == data


@pytest.mark.parametrize(
    ("data", "annotated"),
    [
        (b'{"a":1} ', b'{"a":1,"routing":{"b":2}} '),
        (b"{}", b'{"routing":{"b":2}}'),
        (b'event: x\r\ndata: {"a":{}}\r\n\r\n', b'event: x\r\ndata: {"a":{},"routing":{"b":2}}\r\n\r\n'),
    ],
)
def test_routing_becomes_the_last_member(data: bytes, annotated: bytes) -> None:
    assert with_routing(data, {"b": 2}) == annotated


USED = {"usage": {"prompt_tokens": 1}}
STREAM = b"".join([
    chunk_event("finish_reason\":\"stop\" and \"usage\":{"), b": ping\n\n", chunk_event(finish="stop"), chunk_event(finish="stop"),
    chunk_event(**USED), DONE,
])  # fmt: skip


class Annotated:
    """A StreamAnnotator whose cost becomes known with the usage event, as for a live stream."""

    def __init__(self, explain: bool = True, cost: float | None = 0.5) -> None:
        self.cost: float | None = None
        self.known = cost
        self.transform = StreamAnnotator(
            lambda: self.cost, (lambda: {"b": 2}) if explain else None, OPENAI_CHAT.closing
        )

    def feed(self, data: bytes) -> bytes:
        self.cost = self.known if b"prompt_tokens" in data else self.cost
        return self.transform.feed(data)


def test_in_a_stream_the_first_finish_gets_the_decision_and_usage_the_cost() -> None:
    annotated = Annotated()
    events = [event + b"\n\n" for event in STREAM.split(b"\n\n")[:-1]]
    got = [annotated.feed(event) for event in events] + [annotated.transform.end()]
    events[2] = with_routing(events[2], {"b": 2})
    events[4] = with_cost(events[4], 0.5)
    assert got == [*events, b""] and b'"cost":0.5' in got[4] and b'"routing"' in got[2]


def test_braces_in_a_comment_after_the_data_do_not_move_the_members() -> None:
    annotated = Annotated()
    annotated.cost = 0.5
    event = chunk_event(finish="stop", **USED)[:-1] + b": } a comment {}\n\n"
    chunk = orjson.loads(data_of(annotated.feed(event)) or b"")
    assert (chunk["routing"], chunk["usage"]["cost"]) == ({"b": 2}, 0.5)


def test_every_cut_of_a_stream_gives_the_same_bytes() -> None:
    uncut = Annotated()
    expected = uncut.feed(STREAM) + uncut.transform.end()
    for place in range(len(STREAM)):
        annotated = Annotated()
        annotated.cost = 0.5
        assert b"".join(map(annotated.feed, split_at(STREAM, [place]))) + annotated.transform.end() == expected


@pytest.mark.parametrize(
    "frame",
    [b': "usage": {\n\n', b': "finish_reason": "stop"\n\n', b'event: x\n: "usage":{}\n\n', b'data: [{"usage":{}}]\n\n',
     b'data: "\\"finish_reason\\":\\"stop"\n\n'],
)  # fmt: skip
def test_events_that_are_not_json_objects_pass_unchanged(frame: bytes) -> None:
    annotated = Annotated()
    annotated.cost = 0.5
    assert annotated.feed(frame) == frame


def test_without_cost_and_decision_bytes_pass_at_once() -> None:
    annotated = Annotated(explain=False, cost=None)
    assert [annotated.feed(STREAM[:10]), annotated.feed(STREAM[10:]), annotated.transform.end()] == [
        STREAM[:10],
        STREAM[10:],
        b"",
    ]


def test_an_error_event_gets_the_decision_too() -> None:
    annotated = Annotated()
    assert (
        annotated.feed(b'data: {"error":{"message":"x"}}\n\n')
        == b'data: {"error":{"message":"x"},"routing":{"b":2}}\n\n'
    )


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(PRICED) as started:
        yield started


@pytest.mark.parametrize("name", ["first", "second"])
async def test_a_response_contains_its_cost(sidecar: RunningSidecar, name: str) -> None:
    async with sidecar.client(default_headers={"X-Provider": name}) as client:
        raw = await client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
    usage = raw.parse().usage
    rate = {"first": 2e-6, "second": 3e-6}[name]
    assert usage is not None
    cost = usage.prompt_tokens * rate + usage.completion_tokens * 2 * rate
    assert (usage.model_extra or {})["cost"] == pytest.approx(cost)
    assert float(raw.headers["x-request-cost"]) == pytest.approx(cost)


@pytest.mark.parametrize("stream", [False, True])
async def test_without_a_known_price_there_is_no_cost(sidecar: RunningSidecar, stream: bool) -> None:
    body = {"model": "unpriced", "messages": HELLO, "stream": stream, "stream_options": {"include_usage": True}}
    async with aiohttp.ClientSession() as http, http.post(f"{sidecar.url}/v1/chat/completions", json=body) as answer:
        assert "X-Request-Cost" not in answer.headers
        text = await answer.text()
    assert '"usage":{' in text and '"cost"' not in text and '"routing"' not in text


async def chunks(client: openai.AsyncOpenAI, **options: Any) -> list[Any]:
    stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True, **options)
    return [each async for each in stream]


@pytest.mark.parametrize("name", ["first", "second"])
async def test_the_usage_of_a_stream_contains_its_cost(sidecar: RunningSidecar, name: str) -> None:
    async with sidecar.client(default_headers={"X-Provider": name}) as client:
        *others, last = await chunks(client, stream_options={"include_usage": True})
    rate = {"first": 2e-6, "second": 3e-6}[name]
    assert last.usage.cost == pytest.approx(last.usage.prompt_tokens * rate + last.usage.completion_tokens * 2 * rate)
    assert not any(each.usage for each in others)
    assert not any("routing" in (each.model_extra or {}) for each in [*others, last])


def check_routing(routing: Any, order: list[str], outcomes: list[str]) -> None:
    assert [step["provider"] for step in routing["plan"]] == order
    assert [attempt["outcome"] for attempt in routing["attempts"]] == outcomes
    assert routing["attempts"][-1]["status"] == (200 if outcomes[-1] == "ok" else None)
    assert routing["attempts"][-1]["ms"] > 0
    assert routing["policy"]["provider_fallbacks"] == order and routing["request_id"] == "r-1"


FALLBACKS = {**EXPLAIN, "X-Provider-Fallbacks": "first,second", "X-Request-Id": "r-1"}


async def test_a_response_contains_the_decision_and_the_attempts_on_request(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.stop("first")
    async with sidecar.client(default_headers=FALLBACKS) as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
    check_routing((answer.model_extra or {})["routing"], ["first", "second"], ["connection_error", "ok"])


async def test_a_stream_contains_them_in_the_chunk_with_the_finish_reason(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.stop("first")
    async with sidecar.client(default_headers=FALLBACKS) as client:
        got = await chunks(client)
    (routing,) = [each.model_extra["routing"] for each in got if "routing" in each.model_extra]
    check_routing(routing, ["first", "second"], ["connection_error", "ok"])
    assert got[-1].choices[0].finish_reason == "stop" and "routing" in got[-1].model_extra


async def test_an_error_response_contains_them_next_to_the_error(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.stop("first")
    await sidecar.sandbox.stop("second")
    async with sidecar.client(default_headers=FALLBACKS) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="m", messages=HELLO)
    body = orjson.loads(caught.value.response.content)
    check_routing(body["routing"], ["first", "second"], ["connection_error", "connection_error"])
    assert set(body) == {"error", "routing"}


async def test_an_error_without_eligible_provider_contains_the_reasons(sidecar: RunningSidecar) -> None:
    async with sidecar.client(default_headers={**EXPLAIN, "X-Max-Cost-Per-Request": "0.1"}) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="unpriced", messages=HELLO)
    routing = orjson.loads(caught.value.response.content)["routing"]
    assert (routing["plan"], routing["attempts"]) == ([], [])
    assert {each["reason"] for each in routing["excluded"]} == {"unknown_price"}


async def test_the_body_member_routing_may_request_it_too(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        answer = await client.chat.completions.create(
            model="m", messages=HELLO, extra_body={"routing": {"route_explain": True}}
        )
    assert (answer.model_extra or {})["routing"]["attempts"][0]["outcome"] == "ok"


@pytest.mark.parametrize("stream", [False, True])
async def test_without_the_inserted_members_the_response_is_unchanged(sidecar: RunningSidecar, stream: bool) -> None:
    body = {"model": "m", "messages": HELLO, "stream": stream, "stream_options": {"include_usage": True}}
    plain = {**body, "model": "unpriced"}

    async def post(body: Any, headers: dict[str, str]) -> bytes:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{sidecar.url}/v1/chat/completions", json=body, headers=headers) as answer,
        ):
            return await answer.read()

    annotated = await post(body, {"X-Provider": "first", **EXPLAIN})
    unannotated = await post(plain, {"X-Provider": "first"})
    cost = annotated[annotated.index(b',"cost":') : annotated.index(b"}", annotated.index(b',"cost":'))]
    start = annotated.index(b',"routing":')
    routing = annotated[start : annotated.index(b"}\n", start) if stream else -1]
    assert without_ids(annotated.replace(cost, b"").replace(routing, b"")) == without_ids(unannotated)


def without_ids(data: bytes) -> list[bytes]:
    """Return the parts of a response without id and time, which differ between responses."""
    return [part for part in data.replace(b"\n", b",").split(b",") if b'"id"' not in part and b'"created"' not in part]
