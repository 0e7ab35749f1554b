"""Every dialect has a simulation, and what one asks the other answers: as it would be with the real provider."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote

import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.contract import AUTH_SCHEMES
from proxy.dialects.contract import CallerRequest as Asked
from proxy.sandbox import SIMULATIONS
from proxy.sandbox.contract import EVENT_STREAM, Call, Reply
from proxy.sandbox.faults import RequestContext, build_script
from proxy.sandbox.scenario import Fault, Scenario
from proxy.sandbox.script import AbruptEnd, SendBody, SendHead
from tests.dialects.oracles import (
    completion_of,
    events_of,
    feed_all,
    response_context,
    single_bytes,
    validate_completion,
)

MODELS = {"anthropic": "claude-opus-4-5", "cohere": "command-a-03-2025", "google": "gemini-3-pro-preview"}
USER = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What is the weather?"}]
ASKS = [*USER, {"role": "user", "content": "Use get_weather and get_time please"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Tells it.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}},
]
EACH = pytest.mark.parametrize("name", DIALECTS)
BOTH = pytest.mark.parametrize("stream", [False, True])


def turn(name, body, stream=False):
    """The request a dialect writes, on its provider's doorstep; and its tool names."""
    body = {"model": "asked", **body, **({"stream": True} if stream else {})}
    dialect = DIALECTS[name]
    asked = dialect.build_request(
        Asked("chat", body, json.dumps(body).encode(), MODELS.get(name, "some-model"), stream)
    )
    path, _, query = asked.path.partition("?")
    header, form = AUTH_SCHEMES[dialect.auth]
    headers = {**asked.headers, header: form.format("key")}
    simulation = SIMULATIONS[name]
    path = simulation.base_path + unquote(path)
    return RequestContext(
        Call(name, "POST", path, headers, asked.body, dict(parse_qsl(query))), simulation, Scenario()
    ), asked


def answered(name, stream=False, **body):
    """What the caller gets, as one OpenAI answer, and what was noted of it."""
    at, asked = turn(name, body, stream)
    reply = at.reply()
    assert reply.status == 200, reply.frames
    dialect, read = DIALECTS[name], response_context(tool_names=asked.tool_names)
    if not stream:
        return validate_completion(dialect.translate_response(b"".join(reply.frames), read)), read.answer
    assert reply.headers["content-type"] == EVENT_STREAM
    told = feed_all(dialect.stream_translator(read), single_bytes(b"".join(reply.frames)))
    assert events_of(told)[-1] == "[DONE]"
    return completion_of(told), read.answer


def test_every_dialect_has_a_simulation_and_no_other_is_there():
    assert set(SIMULATIONS) == set(DIALECTS)


@EACH
@BOTH
def test_a_question_is_answered_in_text(name, stream):
    got, seen = answered(name, stream, messages=USER)
    [choice] = got["choices"]
    assert choice["message"]["content"].startswith(f"Hello from {name} (")
    assert choice["message"]["content"].endswith("You said: What is the weather?")
    assert choice["finish_reason"] == "stop" and seen.complete
    assert seen.usage["total_tokens"] == seen.usage["prompt_tokens"] + seen.usage["completion_tokens"] > 10


@EACH
def test_a_stream_says_the_same_as_a_whole_answer(name):
    request = {"messages": ASKS, "tools": TOOLS}
    (whole, one), (streamed, other) = (answered(name, stream, **request) for stream in (False, True))
    calls = [got["choices"][0]["message"]["tool_calls"] for got in (whole, streamed)]
    for one_call, other_call in zip(*calls, strict=True):
        assert one_call["id"] == other_call["id"]
        assert one_call["function"].items() <= other_call["function"].items()
    assert one.usage == other.usage


@EACH
@BOTH
def test_tools_are_called_and_their_results_taken(name, stream):
    got, seen = answered(name, stream, messages=ASKS, tools=TOOLS)
    [choice] = got["choices"]
    assert choice["finish_reason"] == "tool_calls" == seen.finish_reason
    calls = choice["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["get_weather", "get_time"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "example"}, {}]
    assert len({call["id"] for call in calls}) == 2
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    again, _ = answered(name, stream, messages=[*ASKS, choice["message"], *results], tools=TOOLS)
    assert "The tool said: sunny" in again["choices"][0]["message"]["content"]


@EACH
def test_a_conversation_goes_on_after_a_tools_result(name):
    calls = [{"id": "call_from_elsewhere", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
    history = [
        *USER,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_from_elsewhere", "content": "sunny"},
        {"role": "user", "content": "Thanks"},
    ]
    got, _ = answered(name, messages=history, tools=TOOLS)
    assert got["choices"][0]["message"]["content"].endswith("You said: Thanks")


@EACH
@pytest.mark.parametrize(
    "choice, called",
    [
        ("auto", None),
        ("none", None),
        ("required", "get_weather"),
        ({"type": "function", "function": {"name": "get_time"}}, "get_time"),
    ],
)
def test_tool_choice_arrives(name, choice, called):
    got, _ = answered(name, messages=USER, tools=TOOLS, tool_choice=choice)
    calls = got["choices"][0]["message"].get("tool_calls") or []
    assert [call["function"]["name"] for call in calls] == ([called] if called else [])


@EACH
@BOTH
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer(name, stream, limit):
    got, _ = answered(name, stream, messages=USER, **{limit: 3})
    assert got["choices"][0]["message"]["content"] == f"Hello from {name}"[:12]
    assert got["choices"][0]["finish_reason"] == "length"


@EACH
def test_parameters_that_all_know_reach_each(name):
    request = {"temperature": 1, "top_p": 0.5, "stop": ["x"], "seed": 1, "user": "me", "tools": TOOLS}
    got, _ = answered(name, messages=USER, **request)
    assert got["choices"][0]["finish_reason"] == "stop"


@EACH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_an_error_is_read_as_what_it_is(name, status):
    at, _ = turn(name, {"messages": USER})
    head, body = build_script(Fault("status", status=status), at)
    refused = DIALECTS[name].translate_error(head.status, head.headers, body.data)
    assert refused.status == status
    assert str(refused).strip() and "{" not in str(refused)


@EACH
def test_when_to_come_again_is_read_from_wherever_it_says_so(name):
    at, _ = turn(name, {"messages": USER})
    head, body = build_script(Fault("status", status=429, retry_after=7), at)
    assert DIALECTS[name].translate_error(head.status, head.headers, body.data).headers["retry-after"] == "7"


@EACH
@pytest.mark.parametrize(
    "kind, end", [("cut", AbruptEnd.CLOSE), ("reset", AbruptEnd.RESET), ("stall", AbruptEnd.STALL)]
)
def test_a_stream_that_breaks_has_no_finish(name, kind, end):
    at, asked = turn(name, {"messages": USER}, stream=True)
    head, *sent, last = build_script(Fault(kind, after=4), at)
    assert isinstance(head, SendHead) and len(sent) == 4 and last is end
    read = response_context(tool_names=asked.tool_names)
    told = feed_all(DIALECTS[name].stream_translator(read), [step.data for step in sent if isinstance(step, SendBody)])
    assert b"Hello" in told and not read.answer.complete


@EACH
def test_a_whole_answer_breaks_in_its_middle(name):
    at, _ = turn(name, {"messages": USER})
    head, half, end = build_script(Fault("cut", after=1), at)
    assert end is AbruptEnd.CLOSE and int(head.headers["content-length"]) > len(half.data) > 0


@EACH
@pytest.mark.parametrize("kind", ["slow", "limit"])
def test_a_fault_that_lets_pass_changes_no_byte(name, kind):
    at, _ = turn(name, {"messages": USER})
    assert isinstance(at.reply(), Reply)
    assert build_script(Fault(kind), at)[-1] == SendBody(at.reply().frames[0])
