"""Every client API reaches every provider: unchanged where the target speaks it, otherwise through the hub."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from proxy.errors import UpstreamDisconnected
from proxy.sse import decode, encode, split_frames
from tests.drivers import both_drivers, pipeline
from tests.fake_format import fake_format
from tests.fakes import (
    FOREVER,
    FakeClient,
    FakeTransport,
    chunk_event,
    exchange,
    generation,
    request,
    start_request,
)
from tests.virtual_time import virtual_time

__all__ = ["fake_format"]
pytestmark = pytest.mark.usefixtures("fake_format")

FILE = """
pipeline: [access_log, header_policy, limits, strategy, {{sse_passthrough: {stream}}}, failover, {{translate: {translate}}}]
providers:
  o: {{dialect: openai, base_url: "https://o.test/v1"}}
  c: {{dialect: compatible, base_url: "https://c.test/v1"}}
  d: {{dialect: compatible, base_url: "https://d.test/v1"}}
models:
  m: {{o: {{model: m-o, {options}}}, c: {{model: m-c, {options}}}, d: m-d}}
  only-d: {{targets: {{o: m-o, c: m-c, d: m-d}}, policy: {{include_providers: [d]}}}}
"""
CUT = UpstreamDisconnected("cut")
HELLO, WORLD, FINISH, DONE = (
    chunk_event("Hello"),
    chunk_event(" world"),
    chunk_event(finish="stop"),
    b"data: [DONE]\n\n",
)
NATIVE = orjson.dumps({"model": "m-1", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}})
NATIVE_STREAM = [
    encode(b'{"type":"response.output_text.delta","delta":"Hello"}', "response.output_text.delta"),
    encode(b'{"type":"response.completed","response":{"model":"m-1"}}', "response.completed"),
]


def ask(
    driver: str,
    *rows: Any,
    chain: str = "c,d",
    options: dict[str, str] | None = None,
    headers: Any = None,
    **members: Any,
) -> tuple[FakeClient, FakeTransport]:
    """Start a request that tries these providers in this order."""
    given = {"stream": "{}", "translate": "{}", "params": "{}", **(options or {})}
    target = f"params: {given['params']}, price: {{input: 3, output: 10}}"
    file = FILE.format(stream=given["stream"], translate=given["translate"], options=target)
    transport = FakeTransport(list(rows))
    one = exchange(
        request({"X-Provider-Fallbacks": chain, **(headers or {})}, "/v1/responses"),
        transport=transport,
        snap=generation(file).snapshot,
        raw=orjson.dumps({"model": "m", "ask": "Hi", **members}),
    )
    return start_request(one, pipeline(driver, file)), transport


def sent(transport: FakeTransport) -> list[Any]:
    return [orjson.loads(each.body) for each in transport.sent]


def events(client: FakeClient) -> list[tuple[str, Any]]:
    found = map(decode, split_frames(client.body))
    return [(event.name, orjson.loads(event.data or b"null")) for event in found]


@both_drivers
async def test_a_target_that_speaks_the_format_gets_and_answers_it_unchanged(driver: str) -> None:
    client, transport = ask(driver, (200, {}, [NATIVE]), chain="o", odd=1)
    await client.has_ended.wait()
    assert sent(transport) == [{"model": "m-o", "ask": "Hi", "odd": 1}]
    assert transport.sent[0].url.endswith("/v1/responses")
    assert orjson.loads(client.body)["output"] == [] and "X-Routing-Warnings" not in client.headers


@both_drivers
async def test_any_other_target_gets_a_chat_and_its_answer_is_translated(driver: str) -> None:
    client, transport = ask(driver, 200, chain="c", odd=1)
    await client.has_ended.wait()
    assert transport.sent[0].url.endswith("/v1/chat/completions")
    assert sent(transport) == [{"model": "m-c", "messages": [{"role": "user", "content": "Hi"}]}]
    answer = orjson.loads(client.body)
    assert (answer["id"][:5], answer["model"], answer["ask"]) == ("fake_", "m", "Hi")
    assert answer["said"] == "canary-of-the-answer"
    assert client.headers["X-Routing-Warnings"] == "param-dropped;name=odd"
    assert client.headers["X-Provider-Model"] == "m-1"


@both_drivers
@virtual_time
async def test_a_request_fails_over_between_targets_that_speak_the_format_and_others(driver: str) -> None:
    client, transport = ask(driver, 500, 500, 200, chain="o,c")
    await client.has_ended.wait()
    assert transport.tried == "ooc" and orjson.loads(client.body)["said"]
    client, transport = ask(driver, 500, 500, (200, {}, [NATIVE]), chain="c,o")
    await client.has_ended.wait()
    assert transport.tried == "cco" and orjson.loads(client.body)["output"] == []
    assert [set(each) for each in sent(transport)[1:]] == [{"model", "messages"}, {"model", "ask"}]


@both_drivers
@virtual_time
async def test_a_stream_fails_over_before_its_first_content_and_nobody_sees_it(driver: str) -> None:
    empty = [chunk_event(""), CUT]
    client, transport = ask(driver, empty, empty, NATIVE_STREAM, chain="c,o", stream=True)
    await client.has_ended.wait()
    assert transport.tried == "cco"
    assert [name for name, _ in events(client)] == ["response.output_text.delta", "response.completed"]
    client, transport = ask(driver, [CUT], [CUT], [HELLO, FINISH, DONE], chain="o,c", stream=True)
    await client.has_ended.wait()
    assert transport.tried == "ooc" and [name for name, _ in events(client)] == ["part", "over"]


@both_drivers
@virtual_time
async def test_a_translated_stream_has_one_terminal_event(driver: str) -> None:
    for end in ([FINISH, DONE], [FINISH]):
        client, transport = ask(driver, [HELLO, WORLD, *end], stream=True)
        await client.has_ended.wait()
        assert events(client) == [
            ("part", {"text": "Hello"}), ("part", {"text": " world"}), ("over", {"parts": 2, "model": "m"}),
        ]  # fmt: skip
        assert sent(transport)[0]["stream_options"] == {"include_usage": True}


@both_drivers
@virtual_time
async def test_a_cut_stream_is_continued_at_another_target_in_the_hubs_format(driver: str) -> None:
    for chain in ("c,d", "c,o"):  # `o` would take the request unchanged, and answer in events that cannot be matched
        client, transport = ask(driver, [HELLO, CUT], [HELLO, WORLD, FINISH, DONE], chain=chain, stream=True)
        await client.has_ended.wait()
        assert events(client) == [
            ("part", {"text": "Hello"}), ("part", {"text": " world"}), ("over", {"parts": 2, "model": "m"}),
        ]  # fmt: skip
        assert [each["messages"] for each in sent(transport)] == [[{"role": "user", "content": "Hi"}]] * 2


@both_drivers
@virtual_time
async def test_a_stream_that_cannot_be_continued_ends_with_an_error_event_and_no_terminal_event(driver: str) -> None:
    client, _ = ask(driver, [HELLO, CUT], chain="c", stream=True)
    await client.has_ended.wait()
    assert events(client) == [("part", {"text": "Hello"}), ("failed", {"message": "cut", "parts": 1})]


@both_drivers
@virtual_time
async def test_the_providers_own_error_event_is_translated(driver: str) -> None:
    client, _ = ask(driver, [HELLO, encode(b'{"error":{"message":"odd"}}')], chain="c", stream=True)
    await client.has_ended.wait()
    assert events(client)[-1] == ("failed", {"message": "odd", "parts": 1})
    assert b"over" not in client.body


@both_drivers
@virtual_time
async def test_a_native_stream_that_is_cut_ends_with_an_error_event(driver: str) -> None:
    client, transport = ask(driver, [NATIVE_STREAM[0], CUT], chain="o,c", stream=True)
    await client.has_ended.wait()
    assert transport.tried == "o"
    assert [name for name, _ in events(client)] == ["response.output_text.delta", "failed"]


@both_drivers
@virtual_time
async def test_pings_and_errors_of_an_early_stream_have_the_callers_format(driver: str) -> None:
    options = {"stream": "{early_commit: 1s, ping: 1s}"}
    client, transport = ask(driver, FOREVER, chain="c", stream=True, options=options)
    await asyncio.sleep(1.5)
    assert [name for name, _ in events(client)] == ["ping"]
    transport.transfers[-1].push(CUT)
    await client.has_ended.wait()
    assert events(client)[-1][0] == "failed"


@both_drivers
@virtual_time
async def test_an_exception_in_the_translation_of_a_stream_ends_it_with_an_error_event(driver: str) -> None:
    client, _ = ask(driver, [HELLO, chunk_event("boom"), FINISH, DONE], chain="c", stream=True)
    await client.has_ended.wait()
    assert events(client)[-1][0] == "failed" and b"over" not in client.body


@both_drivers
async def test_what_has_no_translation_goes_only_to_targets_that_speak_the_format(driver: str) -> None:
    client, transport = ask(driver, (200, {}, [NATIVE]), chain="c,o", only_native=1)
    await client.has_ended.wait()
    assert transport.tried == "o" and client.status == 200
    client, transport = ask(driver, chain="c", only_native=1)
    await client.has_ended.wait()
    assert (client.status, transport.tried) == (400, "")
    fault = orjson.loads(client.body)
    assert fault["fault"] == "no_eligible_provider" and "c: unsupported_feature: only_native" in fault["message"]


@both_drivers
async def test_a_hosted_tool_is_dropped_only_where_no_target_has_it(driver: str) -> None:
    client, transport = ask(driver, (200, {}, [NATIVE]), chain="c,o", hosted=["search"])
    await client.has_ended.wait()
    assert transport.tried == "o"
    client, transport = ask(driver, 200, chain="c", hosted=["search"], headers={"X-Exclude-Providers": "o"})
    await client.has_ended.wait()
    assert client.headers["X-Routing-Warnings"] == "tool-dropped;name=search"
    options = {"translate": "{hosted_tools: exclude}"}
    client, transport = ask(driver, chain="c", hosted=["search"], options=options)
    await client.has_ended.wait()
    assert client.status == 400 and "unsupported_feature: search" in orjson.loads(client.body)["message"]


@both_drivers
async def test_errors_of_routing_come_in_the_callers_envelope(driver: str) -> None:
    client, _ = ask(driver, model="nope")
    await client.has_ended.wait()
    assert client.status == 404 and orjson.loads(client.body)["fault"] == "model_not_found"


@both_drivers
@virtual_time
async def test_a_translated_stream_shows_its_cost_and_on_request_the_decision(driver: str) -> None:
    usage = encode(b'{"choices":[],"usage":{"prompt_tokens":1000000,"completion_tokens":0}}')
    explain = {"X-Route-Explain": "true"}
    client, _ = ask(driver, [HELLO, FINISH, usage, DONE], chain="c", stream=True, headers=explain)
    await client.has_ended.wait()
    over = events(client)[-1][1]
    assert over["usage"]["cost"] == 3 and over["routing"]["plan"][0]["provider"] == "c"
    client, _ = ask(driver, [HELLO, CUT], chain="c", stream=True, headers=explain)
    await client.has_ended.wait()
    assert events(client)[-1][1]["routing"]["attempts"][0]["provider"] == "c"


@both_drivers
async def test_the_answer_is_clamped_by_the_member_of_the_format_that_is_sent(driver: str) -> None:
    for chain, row, limit in (("o", (200, {}, [NATIVE]), "max_output_tokens"), ("c", 200, "max_tokens")):
        headers = {"X-Max-Cost-Per-Request": "0.001", "X-Provider": chain}
        client, transport = ask(driver, row, chain=chain, headers=headers, max_tokens=10_000)
        await client.has_ended.wait()
        assert client.headers["X-Routing-Warnings"] == "max-tokens-clamped;value=98"
        assert sent(transport)[0][limit] == 98


@both_drivers
async def test_a_targets_params_change_the_request_in_the_format_that_is_sent(driver: str) -> None:
    params = "{default: {top_p: 0.5}, set: {user: u}, drop: [max_tokens]}"
    for chain, row in (("o", (200, {}, [NATIVE])), ("c", 200)):
        client, transport = ask(driver, row, chain=chain, options={"params": params}, max_tokens=5)
        await client.has_ended.wait()
        body = sent(transport)[0]
        assert (body["top_p"], body["user"], "max_tokens" in body) == (0.5, "u", False)
        assert client.headers["X-Routing-Warnings"] == "param-dropped;name=max_tokens"


@both_drivers
async def test_a_caller_that_sends_no_headers_gets_the_policy_of_its_model(driver: str) -> None:
    client, transport = ask(driver, 200, model="only-d", headers={"X-Provider-Fallbacks": "o,c,d"})
    await client.has_ended.wait()
    assert transport.tried == "d" and orjson.loads(client.body)["model"] == "only-d"
