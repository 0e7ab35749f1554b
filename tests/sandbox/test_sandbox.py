"""Every dialect has a simulation that understands its requests, and whose responses it can parse."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote

import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.contract import AUTH_SCHEMES, CallerRequest
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


def send(name, body, stream=False):
    """Return the context of a request as the dialect builds it, and the dialect's ProviderRequest."""
    body = {"model": "requested", **body, **({"stream": True} if stream else {})}
    dialect = DIALECTS[name]
    upstream_request = dialect.build_request(
        CallerRequest("chat", body, json.dumps(body).encode(), MODELS.get(name, "some-model"), stream)
    )
    path, _, query = upstream_request.path.partition("?")
    header, form = AUTH_SCHEMES[dialect.auth]
    headers = {**upstream_request.headers, header: form.format("key")}
    simulation = SIMULATIONS[name]
    path = simulation.base_path + unquote(path)
    return RequestContext(
        Call(name, "POST", path, headers, upstream_request.body, dict(parse_qsl(query))), simulation, Scenario()
    ), upstream_request


def complete(name, stream=False, **body):
    """Return the caller's response as one OpenAI completion, and the statistics of the answer."""
    context, upstream_request = send(name, body, stream)
    reply = context.reply()
    assert reply.status == 200, reply.frames
    dialect, response = DIALECTS[name], response_context(tool_names=upstream_request.tool_names)
    if not stream:
        return validate_completion(dialect.translate_response(b"".join(reply.frames), response)), response.answer
    assert reply.headers["content-type"] == EVENT_STREAM
    stream_bytes = feed_all(dialect.stream_translator(response), single_bytes(b"".join(reply.frames)))
    assert events_of(stream_bytes)[-1] == "[DONE]"
    return completion_of(stream_bytes), response.answer


def test_dialects_and_simulations_are_the_same():
    assert set(SIMULATIONS) == set(DIALECTS)


@EACH
@BOTH
def test_a_chat_request_gets_a_text(name, stream):
    got, seen = complete(name, stream, messages=USER)
    [choice] = got["choices"]
    assert choice["message"]["content"].startswith(f"Hello from {name} (")
    assert choice["message"]["content"].endswith("You said: What is the weather?")
    assert choice["finish_reason"] == "stop" and seen.complete
    assert seen.usage["total_tokens"] == seen.usage["prompt_tokens"] + seen.usage["completion_tokens"] > 10


@EACH
def test_a_stream_is_equal_to_the_complete_response(name):
    request = {"messages": ASKS, "tools": TOOLS}
    (whole, one), (streamed, other) = (complete(name, stream, **request) for stream in (False, True))
    calls = [got["choices"][0]["message"]["tool_calls"] for got in (whole, streamed)]
    for one_call, other_call in zip(*calls, strict=True):
        assert one_call["id"] == other_call["id"]
        assert one_call["function"].items() <= other_call["function"].items()
    assert one.usage == other.usage


@EACH
@BOTH
def test_tools_are_called_and_their_results_accepted(name, stream):
    got, seen = complete(name, stream, messages=ASKS, tools=TOOLS)
    [choice] = got["choices"]
    assert choice["finish_reason"] == "tool_calls" == seen.finish_reason
    calls = choice["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["get_weather", "get_time"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "example"}, {}]
    assert len({call["id"] for call in calls}) == 2
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    again, _ = complete(name, stream, messages=[*ASKS, choice["message"], *results], tools=TOOLS)
    assert "The tool said: sunny" in again["choices"][0]["message"]["content"]


@EACH
def test_a_conversation_continues_after_a_tool_result(name):
    calls = [{"id": "call_from_elsewhere", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
    history = [
        *USER,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_from_elsewhere", "content": "sunny"},
        {"role": "user", "content": "Thanks"},
    ]
    got, _ = complete(name, messages=history, tools=TOOLS)
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
def test_tool_choice_reaches_the_provider(name, choice, called):
    got, _ = complete(name, messages=USER, tools=TOOLS, tool_choice=choice)
    calls = got["choices"][0]["message"].get("tool_calls") or []
    assert [call["function"]["name"] for call in calls] == ([called] if called else [])


@EACH
@BOTH
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_truncates_the_answer(name, stream, limit):
    got, _ = complete(name, stream, messages=USER, **{limit: 3})
    assert got["choices"][0]["message"]["content"] == f"Hello from {name}"[:12]
    assert got["choices"][0]["finish_reason"] == "length"


@EACH
def test_common_parameters_are_accepted_by_every_simulation(name):
    request = {"temperature": 1, "top_p": 0.5, "stop": ["x"], "seed": 1, "user": "me", "tools": TOOLS}
    got, _ = complete(name, messages=USER, **request)
    assert got["choices"][0]["finish_reason"] == "stop"


@EACH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_every_error_is_parsed_with_its_status(name, status):
    context, _ = send(name, {"messages": USER})
    head, body = build_script(Fault("status", status=status), context)
    refused = DIALECTS[name].translate_error(head.status, head.headers, body.data)
    assert refused.status == status
    assert str(refused).strip() and "{" not in str(refused)


@EACH
def test_the_retry_delay_is_parsed_from_header_or_body(name):
    context, _ = send(name, {"messages": USER})
    head, body = build_script(Fault("status", status=429, retry_after=7), context)
    assert DIALECTS[name].translate_error(head.status, head.headers, body.data).headers["retry-after"] == "7"


@EACH
@pytest.mark.parametrize(
    "kind, end", [("cut", AbruptEnd.CLOSE), ("reset", AbruptEnd.RESET), ("stall", AbruptEnd.STALL)]
)
def test_a_broken_stream_is_not_complete(name, kind, end):
    context, upstream_request = send(name, {"messages": USER}, stream=True)
    head, *sent, last = build_script(Fault(kind, after=4), context)
    assert isinstance(head, SendHead) and len(sent) == 4 and last is end
    response = response_context(tool_names=upstream_request.tool_names)
    stream_bytes = feed_all(
        DIALECTS[name].stream_translator(response), [step.data for step in sent if isinstance(step, SendBody)]
    )
    assert b"Hello" in stream_bytes and not response.answer.complete


@EACH
def test_a_complete_body_is_cut_in_half(name):
    context, _ = send(name, {"messages": USER})
    head, half, end = build_script(Fault("cut", after=1), context)
    assert end is AbruptEnd.CLOSE and int(head.headers["content-length"]) > len(half.data) > 0


@EACH
@pytest.mark.parametrize("kind", ["slow", "limit"])
def test_a_delay_or_a_limit_not_reached_changes_no_byte(name, kind):
    context, _ = send(name, {"messages": USER})
    assert isinstance(context.reply(), Reply)
    assert build_script(Fault(kind), context)[-1] == SendBody(context.reply().frames[0])
