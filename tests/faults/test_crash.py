"""Two providers, default settings, one of them misbehaving: what an application sees, over real sockets."""

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


def is_whole(told: ClientResult, voice: WireFormat = OPENAI) -> bool:
    """The answer is there exactly once, and ends as one."""
    return (told.status, told.text, told.finishes, told.done, told.errors) == (200, TEXT, ["stop"], 1, [])


async def asked(first: list[Script], second: list[Script] = WELL, **options: Any) -> tuple[ClientResult, Rehearsal]:
    """One streamed request to two OpenAI targets."""
    file = routing_yaml(options.pop("one", "openai"), options.pop("two", "openai"))
    async with rehearsal(file, first, second) as running:
        told = await running.send_chat(**{"stream_options": {"include_usage": True}, **options})
        leaked = running.logged() + told.body.decode()
        assert KEY not in leaked and PROMPT not in leaked
        return told, running


@virtual_time
async def test_a_rate_limit_that_names_a_short_time_is_waited_for() -> None:
    told, running = await asked([error_response(429, headers="Retry-After: 2\r\n"), *WELL])
    assert is_whole(told) and told.provider == "first"
    assert running.calls == (2, 0)
    assert 1.8 <= told.duration_s < 5


@virtual_time
async def test_a_rate_limit_that_names_no_time_is_left_for_the_fallback() -> None:
    told, running = await asked([error_response(429)])
    assert is_whole(told) and told.provider == "second"
    assert running.calls[0] <= 2 and running.calls[1] == 1


@virtual_time
async def test_a_lone_500_is_tried_once_more_at_the_same_target() -> None:
    told, running = await asked([error_response(500), *WELL])
    assert is_whole(told) and told.provider == "first"
    assert running.calls == (2, 0)


@virtual_time
async def test_a_target_that_stays_broken_is_left_after_two_calls_and_the_bill_is_the_fallbacks() -> None:
    told, running = await asked([error_response(503)], two="anthropic", second=[ANTHROPIC.response_script(True)])
    assert is_whole(told) and told.provider == "second"
    assert running.calls[0] <= 2 and running.calls[1] == 1
    assert {chunk["model"] for chunk in told.chunks} == {"claude-haiku-4-5"}
    assert told.headers["X-Provider"] == "second"
    usage = told.chunks[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (10, 60)
    record = running.sidecar.handler.runtime.observations.get("second@global/claude-haiku-4-5")
    assert record is not None
    spent = record.window.sum_over(60, asyncio.get_running_loop().time()).cost_usd
    assert spent == pytest.approx(10 * 2e-6 + 60 * 20e-6)


@virtual_time
async def test_a_reset_before_the_headers_goes_unnoticed() -> None:
    told, running = await asked([[RECV, RST], *WELL])
    assert is_whole(told)
    assert sum(running.calls) == 2


@virtual_time
async def test_a_silent_target_is_overtaken_after_eight_seconds_and_called_once() -> None:
    told, running = await asked(NEVER)
    assert is_whole(told) and told.provider == "second"
    assert running.calls == (1, 1)
    assert 8 <= told.duration_s < 12


@virtual_time
async def test_a_late_first_token_is_not_waited_for() -> None:
    late: Script = [RECV, send(stream_head()), pause(20), *map(event, OPENAI.events), send(http_chunk(b"")), FIN]
    told, running = await asked([late])
    assert is_whole(told)
    assert told.duration_s < 15
    assert running.calls == (1, 1)


@pytest.mark.parametrize("ending", [FIN, RST], ids=["closed", "reset"])
@pytest.mark.parametrize("two", ["openai", "anthropic"])
@virtual_time
async def test_an_answer_that_is_cut_is_gone_on_with_elsewhere(two: str, ending: Any) -> None:
    rest = replace(ANTHROPIC, tokens=ANTHROPIC.tokens[40:]).stream_script()  # it is asked to go on from what was said
    second = {"openai": WELL, "anthropic": [rest]}[two]
    told, running = await asked([OPENAI.stream_script(pause(1), ending, after=40)], second, two=two)
    assert is_whole(told) and told.provider == "second"
    assert running.calls == (1, 1)
    assert len({chunk["id"] for chunk in told.chunks}) == 1
    if two == "anthropic":
        *_, last = orjson.loads(running.servers[1].requests[0].body)["messages"]
        assert last["role"] == "assistant" and "word39" in str(last["content"])


@virtual_time
async def test_a_stream_that_falls_silent_is_gone_on_with_within_45_seconds() -> None:
    told, running = await asked([OPENAI.stream_script(after=20)])
    assert is_whole(told)
    assert 30 <= told.duration_s < 45
    assert running.calls == (1, 1)


@virtual_time
async def test_a_silent_stream_ends_with_an_error_event_where_the_other_says_something_else() -> None:
    told, _ = await asked([OPENAI.stream_script(after=20)], [OTHER_ANSWER.stream_script()])
    assert told.text == "".join(f" word{number}" for number in range(20))
    assert [error["code"] for error in told.errors] == ["upstream_disconnected"]
    assert (told.done, told.finishes) == (0, [])
    assert told.duration_s < 45


@virtual_time
async def test_an_event_that_is_no_json_is_passed_over() -> None:
    broken = replace(OPENAI, tokens=(*OPENAI.tokens[:9], encode(b'{"choices":[{"del'), *OPENAI.tokens[9:]))
    told, running = await asked([broken.stream_script()])
    assert is_whole(told) and told.provider == "first"
    assert running.calls == (1, 0)
    assert running.log.lines[-1]["dropped_events"] == 1


@virtual_time
async def test_a_whole_answer_without_done_is_ended_within_a_second() -> None:
    lingering = replace(OPENAI, done=b"").stream_script()[:-2]
    told, _ = await asked([lingering])
    assert is_whole(told) and told.provider == "first"
    assert told.chunks[-1]["usage"]["completion_tokens"] == 60
    assert told.ended_at - told.times[-2] <= 1.01


@virtual_time
async def test_what_is_too_long_for_one_goes_to_the_target_with_more_room() -> None:
    told, running = await asked([error_response(400, b'{"error":{"message":"long","code":"context_length_exceeded"}}')])
    assert is_whole(told) and told.provider == "second"
    assert running.calls == (1, 1)


@virtual_time
async def test_what_a_provider_will_not_say_is_not_asked_elsewhere() -> None:
    told, running = await asked(
        [error_response(400, b'{"error":{"message":"not that","code":"content_policy_violation"}}')]
    )
    assert told.status == 400 and told.errors[0]["message"] == "not that"
    assert running.calls == (1, 0)


@virtual_time
async def test_a_refused_prefill_is_never_seen() -> None:
    no = b'{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support prefill."}}'
    second = [error_response(400, no), ANTHROPIC.stream_script()]
    told, running = await asked([OPENAI.stream_script(FIN, after=40)], second, two="anthropic")
    assert is_whole(told)
    assert b"prefill" not in told.body
    assert running.calls == (1, 2)
    roles = [[each["role"] for each in orjson.loads(got.body)["messages"]] for got in running.servers[1].requests]
    assert roles == [["user", "assistant"], ["user"]]


@virtual_time
async def test_an_outage_of_a_minute_is_not_noticed_and_the_first_target_is_back_soon_after() -> None:
    loop = asyncio.get_running_loop()
    async with rehearsal(routing_yaml(), [error_response(503)], WELL) as running:
        began, first = loop.time(), running.servers[0]
        used: list[float] = []
        while loop.time() - began < 100:
            if loop.time() - began >= 60:
                first.scripts = (WELL[0],)
            told = await running.send_chat()
            assert is_whole(told)
            if told.provider == "first":
                used.append(loop.time() - began)
            await asyncio.sleep(4)
        assert used and 60 <= used[0] <= 90
        assert len(used) > 1
        assert isinstance(first, FaultServer) and len(first.peers) < 35
