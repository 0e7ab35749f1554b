"""What a provider answers reaches the caller in the caller's format; what cannot be translated fails the attempt."""

from __future__ import annotations

import json
from dataclasses import replace

import orjson
import pytest

from proxy.dialects import DIALECTS, openai
from proxy.errors import MalformedResponse, UpstreamErrorResponse
from proxy.routing.decision import PlannedTarget
from proxy.sse import encode
from proxy.upstream.call import UpstreamCall
from tests.fakes import ANSWER, MemoryLog, chunk_event
from tests.upstream.fixtures import FINISH, ROLE, Run, run


def run_logged(row, **options):
    """Return a call and the log of its process."""
    made, log = run(row, **options), MemoryLog()
    exchange = made.attempt.exchange
    exchange.runtime = replace(exchange.runtime, log=log.logger)
    return made, log


async def test_a_complete_answer_names_its_provider_and_is_recorded():
    made = run(200, stream=False)
    listener = await made.end()
    answer = orjson.loads(listener.data[0])
    assert listener.calls == ["response"]
    assert (answer["provider"], answer["choices"][0]["message"]["content"]) == ("a", ANSWER)
    assert (made.attempt.completion.model, made.attempt.completion.finish_reason) == ("m-1", "stop")
    assert made.attempt.completion.usage == {"prompt_tokens": 3, "completion_tokens": 5}


async def test_a_stream_names_its_provider_in_each_event():
    made = run([chunk_event(ANSWER), FINISH])
    listener = await made.end()
    assert listener.calls == ["content", "data", "end"]
    assert [orjson.loads(part[6:])["provider"] for part in listener.data] == ["a", "a"]
    assert made.attempt.completion.complete


async def test_an_answer_that_is_not_json_fails_the_attempt():
    await run((200, {}, [b"<html>"]), stream=False).fail(MalformedResponse, "")


@pytest.mark.parametrize(
    ("members", "trigger", "status"),
    [
        ({"message": "later", "type": "requests", "code": "rate_limit_exceeded"}, "rate_limit", 429),
        ({"message": "full", "code": "server_is_overloaded"}, "model_overloaded", 503),
        ({"message": "boom"}, "server_error", 502),
    ],
)
async def test_a_stream_that_opens_with_an_error_is_a_failed_attempt(members, trigger, status):
    made = run([chunk_event() + encode(orjson.dumps({"error": members}))])
    failure = await made.fail(UpstreamErrorResponse, members["message"])
    assert (failure.trigger, failure.status) == (trigger, status)
    assert made.is_closed and made.listener.calls == ["failure"]


async def test_an_error_after_content_is_part_of_the_stream():
    made = run([chunk_event("Hel") + encode(orjson.dumps({"error": {"message": "boom"}}))])
    listener = await made.end()
    assert listener.calls[0] == "content" and b"boom" in b"".join(listener.data) and made.attempt.completion.error


@pytest.mark.parametrize("error", ["boom", ["boom"], {"message": ["boom"], "code": {}}, {"code": 5, "detail": "boom"}])
async def test_a_stream_that_opens_with_an_error_of_another_shape_is_a_failed_attempt_too(error):
    made = run([encode(orjson.dumps({"error": error}))])
    failure = await made.fail(UpstreamErrorResponse, "boom")
    assert failure.status == 502 and failure.body() and made.is_closed


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "message": "busy", "code": "server_is_overloaded"},
        {"type": "response.failed", "response": {"error": {"message": "busy", "code": "server_is_overloaded"}}},
    ],
)
async def test_a_typed_error_before_any_content_is_a_failed_attempt(event):
    made = run([encode(orjson.dumps({"type": "response.created"})) + encode(orjson.dumps(event))])
    failure = await made.fail(UpstreamErrorResponse, "busy")
    assert failure.trigger == "model_overloaded" and made.is_closed


class FailingTransform:
    """Fails in `feed` at the n-th call, or in `end`."""

    def __init__(self, at):
        self.at = at
        self.calls = 0

    def feed(self, data):
        self.calls += 1
        return {}[ANSWER] if self.calls == self.at else data

    def end(self):
        return {}[ANSWER] if self.at == "end" else b""


def broken(monkeypatch, **functions):
    monkeypatch.setitem(DIALECTS, "openai", replace(openai.DIALECT, **functions))


@pytest.mark.parametrize(
    ("functions", "row", "transform"),
    [
        ({"translate_response": lambda data, context: {}[ANSWER]}, 200, "response"),
        ({"translate_error": lambda status, headers, body: {}[ANSWER]}, 400, "response"),
        ({"has_content": lambda event: {}[ANSWER]}, [chunk_event("Hel"), FINISH], "response"),
        ({"stream_translator": lambda context: {}[ANSWER]}, [chunk_event("Hel"), FINISH], "response"),
        ({"stream_translator": lambda context: FailingTransform(1)}, [chunk_event("Hel"), FINISH], "response"),
        ({"stream_translator": lambda context: FailingTransform(1)}, [chunk_event("Hel")[:-2]], "stream"),
    ],
    ids=["response", "error", "has_content", "translator", "feed", "feed at the end"],
)
async def test_an_exception_in_a_dialect_before_any_content_is_a_malformed_response(
    monkeypatch, functions, row, transform
):
    broken(monkeypatch, **functions)
    made, log = run_logged(row, stream=isinstance(row, list))
    await made.fail(MalformedResponse, "cannot be translated")
    assert made.listener.calls == ["failure"]
    assert made.is_closed or made.transfer.is_over
    assert [(line["event"], line["transform"]) for line in log.lines] == [("transform_failed", transform)]
    assert ANSWER not in log.text


@pytest.mark.parametrize(("at", "calls"), [(2, ["content", "failure"]), ("end", ["content", "data", "failure"])])
async def test_an_exception_in_a_stream_after_content_fails_the_attempt(monkeypatch, at, calls):
    broken(monkeypatch, stream_translator=lambda context: FailingTransform(at))
    made, log = run_logged([chunk_event("Hel"), FINISH])
    await made.fail(MalformedResponse, "cannot be translated")
    assert made.listener.calls == calls
    assert [(line["event"], line["transform"]) for line in log.lines] == [("transform_failed", "stream")]
    assert not made.attempt.completion.text_only or at == "end"  # no other target may continue text that was not sent


async def test_a_translator_that_holds_everything_back_until_the_end_is_ended(monkeypatch):
    class Holding(FailingTransform):
        def feed(self, data):
            return b""

        def end(self):
            return chunk_event("Hel")

    broken(monkeypatch, stream_translator=lambda context: Holding(None))
    made = run([ROLE, chunk_event("Hel"), FINISH])
    listener = await made.end()
    assert listener.calls == ["content", "end"] and listener.data == [chunk_event("Hel")]


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
async def test_an_answer_nested_too_deeply_to_be_encoded_is_malformed(name):
    made = run((200, {}, [json.dumps(DEEP[name]).encode()]), stream=False)
    target = made.attempt.step.target
    made.attempt.step = PlannedTarget(replace(target, provider=replace(target.provider, dialect=name)), 0.0)
    made = Run(made.attempt, made.listener, UpstreamCall(made.attempt, made.listener, ()))
    await made.fail(MalformedResponse, "cannot be translated")
