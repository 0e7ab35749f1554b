"""Each attempt is put into its target's format, and its answer back, without touching the others'."""

from __future__ import annotations

import json
from dataclasses import replace

import orjson
import pytest

from proxy.dialects import openai
from proxy.dialects.contract import ProviderRequest
from proxy.errors import InvalidRequestError, MalformedResponse, UpstreamErrorResponse
from proxy.messages import Response
from proxy.middleware import translate
from proxy.middleware.translate import Translate
from proxy.routing.decision import PlannedTarget
from proxy.routing.facts import Facts
from proxy.routing.policy import parse_policy
from proxy.sse import encode
from tests.fakes import (
    ANSWER,
    BODY,
    PROMPT,
    RESPONSE_BODY,
    FakeBody,
    MemoryLog,
    ScriptedHandler,
    chunk_event,
    drain,
    planned_exchange,
    stream_response,
)


def attempts(stream=False, plan="ab", log=None, **body):
    made = planned_exchange(plan, log=log)
    made.body = {**BODY, "stream": stream, **body}
    made.raw, made.facts = orjson.dumps(made.body), Facts("chat", "m", stream=stream)
    return [made.start_attempt(step) for step in made.decision.plan]


async def test_the_asking_is_the_targets_own():
    first, second = attempts(routing={"provider": "a"})
    for attempt in (first, second):
        await Translate()(attempt, ScriptedHandler([200]))
    sent = [orjson.loads(each.provider_request.body) for each in (first, second)]
    assert [each["model"] for each in sent] == ["m-a", "m-b"]
    assert sent[0]["messages"][0]["content"] == PROMPT
    assert "routing" not in sent[0]
    assert first.provider_request.path == "/chat/completions"


def cut(attempt, most):
    """The same attempt at a step that allows only so many tokens."""
    attempt.step = PlannedTarget(attempt.step.target, 0.0, most)
    return attempt


@pytest.mark.parametrize(
    "members, expected",
    [
        ({}, {"max_completion_tokens": 100}),
        ({"max_tokens": 500}, {"max_tokens": 100}),
        ({"max_completion_tokens": 500}, {"max_completion_tokens": 100}),
        ({"max_completion_tokens": 500, "max_tokens": 600}, {"max_completion_tokens": 100, "max_tokens": 100}),
    ],
)
async def test_an_answer_is_cut_by_the_member_that_says_its_length(members, expected):
    attempt = cut(attempts(**members)[0], 100)
    await Translate()(attempt, ScriptedHandler([200]))
    sent = orjson.loads(attempt.provider_request.body)
    assert {name: sent[name] for name in sent if name.startswith("max_")} == expected
    assert attempt.exchange.warnings == ["max-tokens-clamped;value=100"]
    assert attempt.exchange.body.get("max_tokens") == members.get("max_tokens")


async def test_the_cut_of_an_attempt_that_failed_is_not_told():
    first, second = attempts()
    with pytest.raises(Exception, match="said 500"):
        await Translate()(cut(first, 100), ScriptedHandler([500]))
    await Translate()(cut(second, 200), ScriptedHandler([200]))
    assert second.exchange.warnings == ["max-tokens-clamped;value=200"]


async def test_a_region_adds_members_of_its_own():
    attempt, _ = attempts()
    attempt.step = PlannedTarget(replace(attempt.step.target, body={"inference_geo": "us"}), 0.0)
    await Translate()(attempt, ScriptedHandler([200]))
    assert orjson.loads(attempt.provider_request.body)["inference_geo"] == "us"


async def test_a_header_of_one_dialect_reaches_its_requests():
    attempt, _ = attempts()
    policy = parse_policy({"X-Google-Safety-Settings": '{"harm_block_threshold":"OFF"}'}, attempt.exchange.snapshot)
    attempt.exchange.policy = policy
    google = replace(attempt.step.target, provider=replace(attempt.step.target.provider, dialect="google"))
    attempt.step = PlannedTarget(google, 0.0)
    with pytest.raises(Exception, match="said 500"):
        await Translate()(attempt, ScriptedHandler([500]))
    settings = orjson.loads(attempt.provider_request.body)["safetySettings"]
    assert {each["threshold"] for each in settings} == {"OFF"} and len(settings) == 4


async def test_a_whole_answer_names_its_provider_and_is_noted():
    attempt, _ = attempts()
    response = await Translate()(attempt, ScriptedHandler([Response(200, {}, RESPONSE_BODY)]))
    answer = orjson.loads(response.body)
    assert (answer["provider"], answer["choices"][0]["message"]["content"]) == ("a", ANSWER)
    assert (attempt.completion.model, attempt.completion.finish_reason) == ("m-1", "stop")
    assert attempt.completion.usage == {"prompt_tokens": 3, "completion_tokens": 5}


async def test_a_stream_names_its_provider_in_each_event():
    attempt, _ = attempts(stream=True)
    response = await Translate()(
        attempt, ScriptedHandler([stream_response([chunk_event(ANSWER), chunk_event(finish="stop")])])
    )
    parts = await drain(response.body)
    assert [orjson.loads(part[6:])["provider"] for part in parts] == ["a", "a"]
    assert attempt.completion.complete


async def test_an_answer_that_is_none_fails_the_attempt():
    attempt, _ = attempts()
    with pytest.raises(MalformedResponse):
        await Translate()(attempt, ScriptedHandler([Response(200, {}, b"<html>")]))


async def test_only_the_warnings_of_the_attempt_that_answered_reach_the_caller(monkeypatch):
    asked = iter(["one", "two"])
    wary = replace(openai.DIALECT, build_request=lambda call: ProviderRequest(warnings=(next(asked),)))
    monkeypatch.setattr(translate, "DIALECTS", {"openai": wary})
    first, second = attempts()
    with pytest.raises(Exception, match="said 500"):
        await Translate()(first, ScriptedHandler([500]))
    await Translate()(second, ScriptedHandler([200]))
    assert second.exchange.warnings == ["two"]


@pytest.mark.parametrize(
    "members, trigger, status",
    [
        ({"message": "later", "type": "requests", "code": "rate_limit_exceeded"}, "rate_limit", 429),
        ({"message": "full", "code": "server_is_overloaded"}, "model_overloaded", 503),
        ({"message": "boom"}, "server_error", 502),
    ],
)
async def test_a_stream_that_opens_with_an_error_is_a_failed_attempt(members, trigger, status):
    attempt, _ = attempts(stream=True)
    body = FakeBody([chunk_event() + encode(orjson.dumps({"error": members}))])
    with pytest.raises(UpstreamErrorResponse, match=members["message"]) as caught:
        await Translate()(attempt, ScriptedHandler([Response(200, {}, body)]))
    assert (caught.value.trigger, caught.value.status, body.closed) == (trigger, status, 1)


async def test_an_error_after_content_is_part_of_the_answer():
    attempt, _ = attempts(stream=True)
    body = FakeBody([chunk_event("Hel") + encode(orjson.dumps({"error": {"message": "boom"}}))])
    response = await Translate()(attempt, ScriptedHandler([Response(200, {}, body)]))
    assert b"boom" in b"".join(await drain(response.body)) and attempt.completion.error


@pytest.mark.parametrize("error", ["boom", ["boom"], {"message": ["boom"], "code": {}}, {"code": 5, "detail": "boom"}])
async def test_a_stream_that_opens_with_an_error_of_another_shape_is_a_failed_attempt_too(error):
    attempt, _ = attempts(stream=True)
    body = FakeBody([encode(orjson.dumps({"error": error}))])
    with pytest.raises(UpstreamErrorResponse, match="boom") as caught:
        await Translate()(attempt, ScriptedHandler([Response(200, {}, body)]))
    assert (caught.value.status, body.closed) == (502, 1) and caught.value.body()


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "message": "busy", "code": "server_is_overloaded"},
        {"type": "response.failed", "response": {"error": {"message": "busy", "code": "server_is_overloaded"}}},
    ],
)
async def test_a_typed_error_before_any_content_is_a_failed_attempt(event):
    attempt, _ = attempts(stream=True)
    body = FakeBody([encode(orjson.dumps({"type": "response.created"})) + encode(orjson.dumps(event))])
    with pytest.raises(UpstreamErrorResponse, match="busy") as caught:
        await Translate()(attempt, ScriptedHandler([Response(200, {}, body)]))
    assert (caught.value.trigger, body.closed) == ("model_overloaded", 1)


class Failing:
    """A stage in which something is wrong."""

    def feed(self, data):
        return {}[ANSWER]

    end = feed


@pytest.mark.parametrize(
    "part, transform",
    [
        ({"translate_response": lambda data, reading: {}[ANSWER]}, "response"),
        ({"stream_translator": lambda reading: {}[ANSWER]}, "response"),
        ({"stream_translator": lambda reading: Failing()}, "response"),
    ],
)
async def test_an_exception_in_a_dialect_is_a_malformed_answer(monkeypatch, part, transform):
    log = MemoryLog()
    attempt = attempts(stream="stream_translator" in part, log=log)[0]
    monkeypatch.setattr(translate, "DIALECTS", {"openai": replace(openai.DIALECT, **part)})
    body = FakeBody([chunk_event("Hel")])
    response = Response(200, {}, body if "stream_translator" in part else RESPONSE_BODY)
    with pytest.raises(MalformedResponse, match="cannot be translated"):
        await Translate()(attempt, ScriptedHandler([response]))
    assert body.closed == ("stream_translator" in part)
    assert [(line["event"], line["transform"]) for line in log.lines] == [("transform_failed", transform)]
    assert ANSWER not in log.text


async def test_an_exception_in_the_request_excludes_the_target_before_anything_is_sent(monkeypatch):
    attempt, _ = attempts()
    monkeypatch.setattr(
        translate, "DIALECTS", {"openai": replace(openai.DIALECT, build_request=lambda call: {}[PROMPT])}
    )
    script = ScriptedHandler([200])
    with pytest.raises(InvalidRequestError, match="cannot be translated for a"):
        await Translate()(attempt, script)
    assert not script.tried


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


DEEP = {
    "anthropic": {"content": [{"type": "tool_use", "id": "i", "name": "f", "input": {"a": nested(400)}}]},
    "google": {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": nested(400)}}}]}}]},
    "cohere": {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": nested(400)}}}]}},
    "meta": {"choices": [{"message": {"content": "a", "x": nested(400)}}]},
}


@pytest.mark.parametrize("name", DEEP)
async def test_an_answer_nested_too_deeply_to_be_written_is_malformed(name):
    attempt, _ = attempts()
    target = attempt.step.target
    attempt.step = PlannedTarget(replace(target, provider=replace(target.provider, dialect=name)), 0.0)
    body = json.dumps(DEEP[name]).encode()
    with pytest.raises(MalformedResponse, match="cannot be translated"):
        await Translate()(attempt, ScriptedHandler([Response(200, {}, body)]))
