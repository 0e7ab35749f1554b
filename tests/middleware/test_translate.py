"""Each attempt is put into its target's format, and its answer back, without touching the others'."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from proxy.dialects import openai
from proxy.dialects.contract import Asking
from proxy.errors import BadAnswer, Refused
from proxy.messages import Response
from proxy.middleware import translate
from proxy.middleware.translate import Translate
from proxy.routing.decision import Step
from proxy.routing.facts import Facts
from proxy.routing.policy import parse
from proxy.sse import encode
from tests.fakes import BODY, PROMPT, SAID, WHOLE, Body, Script, chunk, drain, planned, streamed


def attempts(stream=False, plan="ab", **body):
    made = planned(plan)
    made.body = {**BODY, "stream": stream, **body}
    made.raw, made.facts = orjson.dumps(made.body), Facts("chat", "m", stream=stream)
    return [made.attempt(step) for step in made.decision.steps]


async def test_the_asking_is_the_targets_own():
    first, second = attempts(routing={"provider": "a"})
    for attempt in (first, second):
        await Translate()(attempt, Script([200]))
    sent = [orjson.loads(each.asking.body) for each in (first, second)]
    assert [each["model"] for each in sent] == ["m-a", "m-b"]
    assert sent[0]["messages"][0]["content"] == PROMPT
    assert "routing" not in sent[0]
    assert first.asking.path == "/chat/completions"


def cut(attempt, most):
    """The same attempt at a step that allows only so many tokens."""
    attempt.step = Step(attempt.step.target, 0.0, most)
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
    await Translate()(attempt, Script([200]))
    sent = orjson.loads(attempt.asking.body)
    assert {name: sent[name] for name in sent if name.startswith("max_")} == expected
    assert attempt.exchange.warnings == ["max-tokens-clamped;value=100"]
    assert attempt.exchange.body.get("max_tokens") == members.get("max_tokens")


async def test_the_cut_of_an_attempt_that_failed_is_not_told():
    first, second = attempts()
    with pytest.raises(Exception, match="said 500"):
        await Translate()(cut(first, 100), Script([500]))
    await Translate()(cut(second, 200), Script([200]))
    assert second.exchange.warnings == ["max-tokens-clamped;value=200"]


async def test_a_region_adds_members_of_its_own():
    attempt, _ = attempts()
    attempt.step = Step(replace(attempt.step.target, body={"inference_geo": "us"}), 0.0)
    await Translate()(attempt, Script([200]))
    assert orjson.loads(attempt.asking.body)["inference_geo"] == "us"


async def test_a_header_of_one_dialect_reaches_its_requests():
    attempt, _ = attempts()
    policy = parse({"X-Google-Safety-Settings": '{"harm_block_threshold":"OFF"}'}, attempt.exchange.snapshot)
    attempt.exchange.policy = policy
    google = replace(attempt.step.target, provider=replace(attempt.step.target.provider, dialect="google"))
    attempt.step = Step(google, 0.0)
    with pytest.raises(Exception, match="said 500"):
        await Translate()(attempt, Script([500]))
    settings = orjson.loads(attempt.asking.body)["safetySettings"]
    assert {each["threshold"] for each in settings} == {"OFF"} and len(settings) == 4


async def test_a_whole_answer_names_its_provider_and_is_noted():
    attempt, _ = attempts()
    response = await Translate()(attempt, Script([Response(200, {}, WHOLE)]))
    answer = orjson.loads(response.body)
    assert (answer["provider"], answer["choices"][0]["message"]["content"]) == ("a", SAID)
    assert (attempt.answer.model, attempt.answer.finish) == ("m-1", "stop")
    assert attempt.answer.usage == {"prompt_tokens": 3, "completion_tokens": 5}


async def test_a_stream_names_its_provider_in_each_event():
    attempt, _ = attempts(stream=True)
    response = await Translate()(attempt, Script([streamed([chunk(SAID), chunk(finish="stop")])]))
    parts = await drain(response.body)
    assert [orjson.loads(part[6:])["provider"] for part in parts] == ["a", "a"]
    assert attempt.answer.complete


async def test_an_answer_that_is_none_fails_the_attempt():
    attempt, _ = attempts()
    with pytest.raises(BadAnswer):
        await Translate()(attempt, Script([Response(200, {}, b"<html>")]))


async def test_only_the_warnings_of_the_attempt_that_answered_reach_the_caller(monkeypatch):
    asked = iter(["one", "two"])
    wary = replace(openai.DIALECT, ask=lambda call: Asking(warnings=(next(asked),)))
    monkeypatch.setattr(translate, "DIALECTS", {"openai": wary})
    first, second = attempts()
    with pytest.raises(Exception, match="said 500"):
        await Translate()(first, Script([500]))
    await Translate()(second, Script([200]))
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
    body = Body([chunk() + encode(orjson.dumps({"error": members}))])
    with pytest.raises(Refused, match=members["message"]) as caught:
        await Translate()(attempt, Script([Response(200, {}, body)]))
    assert (caught.value.trigger, caught.value.status, body.closed) == (trigger, status, 1)


async def test_an_error_after_content_is_part_of_the_answer():
    attempt, _ = attempts(stream=True)
    body = Body([chunk("Hel") + encode(orjson.dumps({"error": {"message": "boom"}}))])
    response = await Translate()(attempt, Script([Response(200, {}, body)]))
    assert b"boom" in b"".join(await drain(response.body)) and attempt.answer.error
