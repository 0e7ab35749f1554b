"""Two providers with default settings, of which one fails: what an application receives, over real sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.sse import encode
from tests.faults.rehearsal import KEY, PROMPT, ClientResult, Rehearsal, pause, rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, RST, FaultServer, Script, http_chunk, send
from tests.faults.wire_formats import OTHER_ANSWER, TEXT, WIRE_FORMATS, WireFormat, error_response, event, stream_head
from tests.virtual_time import virtual_time

OPENAI, ANTHROPIC = WIRE_FORMATS["openai"], WIRE_FORMATS["anthropic"]
WELL = [OPENAI.response_script(True)]
NEVER: list[Script] = [[RECV]]


def is_complete(result: ClientResult, wire_format: WireFormat = OPENAI) -> bool:
    """Whether the client received the complete answer exactly once, with a normal end."""
    return (result.status, result.text, result.finishes, result.done, result.errors) == (200, TEXT, ["stop"], 1, [])


async def send_request(
    first: list[Script], second: list[Script] = WELL, **options: Any
) -> tuple[ClientResult, Rehearsal]:
    """Send one streaming request to a sidecar with two targets."""
    file = routing_yaml(options.pop("one", "openai"), options.pop("two", "openai"))
    async with rehearsal(file, first, second) as running:
        result = await running.send_chat(**{"stream_options": {"include_usage": True}, **options})
        leaked = running.logged() + result.body.decode()
        assert KEY not in leaked and PROMPT not in leaked
        return result, running


@virtual_time
async def test_a_short_retry_after_is_waited_for() -> None:
    result, running = await send_request([error_response(429, headers="Retry-After: 2\r\n"), *WELL])
    assert is_complete(result) and result.provider == "first"
    assert running.calls == (2, 0)
    assert 1.8 <= result.duration_s < 5


@virtual_time
async def test_a_rate_limit_without_retry_after_fails_over() -> None:
    result, running = await send_request([error_response(429)])
    assert is_complete(result) and result.provider == "second"
    assert running.calls[0] <= 2 and running.calls[1] == 1


@virtual_time
async def test_a_single_500_is_retried_at_the_same_target() -> None:
    result, running = await send_request([error_response(500), *WELL])
    assert is_complete(result) and result.provider == "first"
    assert running.calls == (2, 0)


@virtual_time
async def test_after_two_failures_the_fallback_serves_and_its_cost_is_recorded() -> None:
    result, running = await send_request(
        [error_response(503)], two="anthropic", second=[ANTHROPIC.response_script(True)]
    )
    assert is_complete(result) and result.provider == "second"
    assert running.calls[0] <= 2 and running.calls[1] == 1
    assert {chunk["model"] for chunk in result.chunks} == {"claude-haiku-4-5"}
    assert result.headers["X-Provider"] == "second"
    usage = result.chunks[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (10, 60)
    record = running.sidecar.handler.runtime.telemetry.observations.get("second@global/claude-haiku-4-5")
    assert record is not None
    spent = record.window.sum_over(60, asyncio.get_running_loop().time()).cost_usd
    assert spent == pytest.approx(10 * 2e-6 + 60 * 20e-6)


@virtual_time
async def test_a_reset_before_the_headers_is_retried() -> None:
    result, running = await send_request([[RECV, RST], *WELL])
    assert is_complete(result)
    assert sum(running.calls) == 2


@virtual_time
async def test_a_silent_target_is_hedged_after_eight_seconds() -> None:
    result, running = await send_request(NEVER)
    assert is_complete(result) and result.provider == "second"
    assert running.calls == (1, 1)
    assert 8 <= result.duration_s < 12


@virtual_time
async def test_a_late_first_token_is_hedged() -> None:
    late: Script = [RECV, send(stream_head()), pause(20), *map(event, OPENAI.events), send(http_chunk(b"")), FIN]
    result, running = await send_request([late])
    assert is_complete(result)
    assert result.duration_s < 15
    assert running.calls == (1, 1)


@pytest.mark.parametrize("ending", [FIN, RST], ids=["closed", "reset"])
@pytest.mark.parametrize("two", ["openai", "anthropic"])
@virtual_time
async def test_a_cut_stream_is_resumed_at_the_other_target(two: str, ending: Any) -> None:
    rest = replace(ANTHROPIC, tokens=ANTHROPIC.tokens[40:]).stream_script()  # the answer after the prefill
    second = {"openai": WELL, "anthropic": [rest]}[two]
    result, running = await send_request([OPENAI.stream_script(pause(1), ending, after=40)], second, two=two)
    assert is_complete(result) and result.provider == "second"
    assert running.calls == (1, 1)
    assert len({chunk["id"] for chunk in result.chunks}) == 1
    if two == "anthropic":
        *_, last = orjson.loads(running.servers[1].requests[0].body)["messages"]
        assert last["role"] == "assistant" and "word39" in str(last["content"])


@virtual_time
async def test_a_silent_stream_is_resumed_within_75_seconds() -> None:
    result, running = await send_request([OPENAI.stream_script(after=20)])
    assert is_complete(result)
    assert 30 <= result.duration_s < 75
    assert running.calls == (1, 1)


@virtual_time
async def test_a_resume_with_a_different_text_ends_with_an_error_event() -> None:
    result, _ = await send_request([OPENAI.stream_script(after=20)], [OTHER_ANSWER.stream_script()])
    assert result.text == "".join(f" word{number}" for number in range(20))
    assert [error["code"] for error in result.errors] == ["upstream_disconnected"]
    assert (result.done, result.finishes) == (0, [])
    assert result.duration_s < 75


@virtual_time
async def test_an_event_that_is_not_json_is_dropped_and_counted() -> None:
    broken = replace(OPENAI, tokens=(*OPENAI.tokens[:9], encode(b'{"choices":[{"del'), *OPENAI.tokens[9:]))
    result, running = await send_request([broken.stream_script()])
    assert is_complete(result) and result.provider == "first"
    assert running.calls == (1, 0)
    assert running.log.lines[-1]["dropped_events"] == 1


@virtual_time
async def test_a_complete_stream_without_done_ends_within_a_second() -> None:
    lingering = replace(OPENAI, done=b"").stream_script()[:-2]
    result, _ = await send_request([lingering])
    assert is_complete(result) and result.provider == "first"
    assert result.chunks[-1]["usage"]["completion_tokens"] == 60
    assert result.ended_at - result.times[-2] <= 1.01


@virtual_time
async def test_a_context_length_error_goes_to_the_target_with_a_larger_window() -> None:
    result, running = await send_request(
        [error_response(400, b'{"error":{"message":"long","code":"context_length_exceeded"}}')]
    )
    assert is_complete(result) and result.provider == "second"
    assert running.calls == (1, 1)


@virtual_time
async def test_a_content_policy_error_is_final() -> None:
    result, running = await send_request(
        [error_response(400, b'{"error":{"message":"not that","code":"content_policy_violation"}}')]
    )
    assert result.status == 400 and result.errors[0]["message"] == "not that"
    assert running.calls == (1, 0)


@virtual_time
async def test_a_rejected_prefill_is_replaced_by_a_replay() -> None:
    no = b'{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support prefill."}}'
    second = [error_response(400, no), ANTHROPIC.stream_script()]
    result, running = await send_request([OPENAI.stream_script(FIN, after=40)], second, two="anthropic")
    assert is_complete(result)
    assert b"prefill" not in result.body
    assert running.calls == (1, 2)
    roles = [[each["role"] for each in orjson.loads(got.body)["messages"]] for got in running.servers[1].requests]
    assert roles == [["user", "assistant"], ["user"]]


@virtual_time
async def test_no_request_fails_in_a_one_minute_outage_and_the_target_returns_soon_after() -> None:
    loop = asyncio.get_running_loop()
    async with rehearsal(routing_yaml(), [error_response(503)], WELL) as running:
        began, first = loop.time(), running.servers[0]
        used: list[float] = []
        while loop.time() - began < 100:
            if loop.time() - began >= 60:
                first.scripts = (WELL[0],)
            result = await running.send_chat()
            assert is_complete(result)
            if result.provider == "first":
                used.append(loop.time() - began)
            await asyncio.sleep(4)
        assert used and 60 <= used[0] <= 90
        assert len(used) > 1
        assert isinstance(first, FaultServer) and len(first.peers) < 35
