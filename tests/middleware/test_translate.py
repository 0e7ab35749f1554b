"""Each attempt is put into its target's format, and its answer back, without touching the others'."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from proxy.dialects import openai
from proxy.dialects.contract import Asking
from proxy.errors import BadAnswer
from proxy.messages import Response
from proxy.middleware import translate
from proxy.middleware.translate import Translate
from proxy.routing.facts import Facts
from tests.fakes import BODY, PROMPT, SAID, WHOLE, Script, chunk, drain, planned, streamed


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
