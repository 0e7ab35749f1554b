"""Each attempt is translated into its target's format without touching the other attempts."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from proxy.attempts.translation import (
    opening_failure,
    provider_request,
    response_context,
    response_error,
    stream_transform,
    translate_response,
)
from proxy.config.schema import TargetParams
from proxy.dialects import DIALECTS, openai
from proxy.dialects.contract import ProviderRequest
from proxy.errors import InvalidRequestError
from proxy.routing.decision import PlannedTarget
from proxy.routing.facts import Facts
from proxy.routing.policy import parse_policy
from proxy.sse import encode
from tests.attempts.fixtures import run_attempts
from tests.fakes import ANSWER, BODY, PROMPT, PROVIDER_KEY, RESPONSE_BODY, chunk_event, planned_exchange, start_attempt
from tests.virtual_time import virtual_time


def started(stream=False, **members):
    """Return an attempt at `a` for a request with these members."""
    exchange = planned_exchange("ab")
    exchange.raw = orjson.dumps({**BODY, "stream": stream, **members})
    exchange.facts = Facts("chat", "m", stream=stream)
    return start_attempt(exchange)


def at(attempt, max_tokens=None, provider=None, **changes):
    """Return the attempt after a change of its target."""
    target = attempt.step.target
    target = replace(target, provider=replace(target.provider, **provider or {}), **changes)
    attempt.step = PlannedTarget(target, 0.0, max_tokens)
    return attempt


def body(attempt):
    return orjson.loads(provider_request(attempt).body)


def test_the_request_has_the_targets_model_and_path_and_no_routing():
    attempt = started(routing={"provider": "a"})
    request = provider_request(attempt)
    sent = orjson.loads(request.body)
    assert (sent["model"], request.path) == ("m-a", "/chat/completions")
    assert sent["messages"][0]["content"] == PROMPT and "routing" not in sent
    assert attempt.exchange.body["model"] == "m"


def test_a_clamped_answer_has_a_warning():
    assert provider_request(at(started(), 100)).warnings == ("max-tokens-clamped;value=100",)


@virtual_time
async def test_only_the_warnings_of_the_attempt_that_answered_reach_the_caller(monkeypatch):
    warnings = iter(["one", "two"])
    warning = replace(openai.DIALECT, build_request=lambda call: ProviderRequest(warnings=(next(warnings),)))
    monkeypatch.setitem(DIALECTS, "openai", warning)
    running = await run_attempts([504, 200])
    assert running.exchange.warnings == ["two"]


def test_a_region_adds_members_of_its_own():
    attempt = at(started(), body={"inference_geo": "us"})
    assert body(attempt)["inference_geo"] == "us"


def test_a_control_header_of_a_dialect_reaches_its_requests():
    attempt = at(started(), provider={"dialect": "google"})
    policy = parse_policy({"X-Google-Safety-Settings": '{"harm_block_threshold":"OFF"}'}, attempt.exchange.snapshot)
    attempt.exchange.policy = policy
    settings = body(attempt)["safetySettings"]
    assert {each["threshold"] for each in settings} == {"OFF"} and len(settings) == 4


def test_an_exception_in_the_translation_excludes_the_target(monkeypatch):
    monkeypatch.setitem(DIALECTS, "openai", replace(openai.DIALECT, build_request=lambda call: {}[PROMPT]))
    with pytest.raises(InvalidRequestError, match="cannot be translated for a"):
        provider_request(started())


@virtual_time
async def test_a_target_excluded_by_an_exception_is_sent_nothing(monkeypatch):
    monkeypatch.setitem(DIALECTS, "openai", replace(openai.DIALECT, build_request=lambda call: {}[PROMPT]))
    running = await run_attempts([])
    assert isinstance(running.error, InvalidRequestError) and not running.transport.sent


def test_the_context_of_a_response_names_attempt_and_request():
    attempt = started(stream=True)
    attempt.exchange.facts = Facts("chat", "m", stream=True, n=3, include_usage=True)
    attempt.provider_request = ProviderRequest(tool_names={"changed": "original"})
    context = response_context(attempt)
    assert (context.provider, context.model, context.id) == ("a", "m-a", "chatcmpl-req-1")
    assert (context.created, context.show_usage) == (1_700_000_000, True)
    assert context.tool_names == {"changed": "original"} and context.answer is attempt.completion
    assert attempt.completion.requested_choices == 3


def test_a_complete_answer_names_its_provider_and_is_recorded():
    attempt = started()
    answer = orjson.loads(translate_response(attempt, RESPONSE_BODY))
    assert (answer["provider"], answer["choices"][0]["message"]["content"]) == ("a", ANSWER)
    assert (attempt.completion.model, attempt.completion.finish_reason) == ("m-1", "stop")
    assert attempt.completion.usage == {"prompt_tokens": 3, "completion_tokens": 5}


def test_a_stream_names_its_provider_in_each_event():
    attempt = started(stream=True)
    transform = stream_transform(attempt)
    parts = [transform.feed(chunk_event(ANSWER)), transform.feed(chunk_event(finish="stop"))]
    assert [orjson.loads(part[6:])["provider"] for part in parts] == ["a", "a"]
    assert attempt.completion.complete


@pytest.mark.parametrize("translate", [
    lambda attempt, text: translate_response(attempt, RESPONSE_BODY.replace(ANSWER.encode(), text.encode())),
    lambda attempt, text: stream_transform(attempt).feed(chunk_event(text)),
    lambda attempt, text: response_error(attempt, 400, {}, orjson.dumps({"error": {"message": text}})).body(),
])  # fmt: skip
def test_whatever_a_provider_sends_the_caller_gets_no_key(translate):
    translated = translate(started(stream=True), f"the key {PROVIDER_KEY} it is")
    assert b"[redacted] it is" in translated and PROVIDER_KEY.encode() not in translated


@pytest.mark.parametrize(
    ("status", "message"), [(401, "provided: [redacted] ."), (400, "provided: sk-ab***************yz .")]
)
def test_a_masked_key_is_redacted_in_the_errors_that_quote_one(status, message):
    text = orjson.dumps({"error": {"message": "provided: sk-ab***************yz ."}})
    assert response_error(started(), status, {}, text).message == message


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (chunk_event("Hi") + encode(b'{"error":{"message":"boom"}}'), None),
        (encode(b'{"error":{"message":"boom"}}'), "boom"),
        (encode(b'{"type":"response.created"}') + encode(b'{"type":"error","message":"boom"}'), "boom"),
        (b": comment\n\n", "no content"),
        (b"", "no content"),
    ],
)
def test_an_error_ahead_of_any_content_is_the_opening_failure(events, message):
    failure = opening_failure(started(stream=True), events)
    assert (failure is None) if message is None else (message in failure.message)


@pytest.mark.parametrize(
    ("dialect", "family", "members", "expected"),
    [
        ("openai", None, {"max_tokens": 9}, {"max_tokens": 9}),
        ("openai", "gpt-5", {"max_tokens": 9}, {"max_completion_tokens": 9}),
        ("anthropic", "claude-opus-4-7", {"max_tokens": 9, "temperature": 0.5}, {"max_tokens": 9}),
        (
            "anthropic",
            "claude-sonnet-4-5",
            {"max_tokens": 9, "temperature": 0.5},
            {"max_tokens": 9, "temperature": 0.5},
        ),
    ],
)
def test_a_deployment_follows_the_rules_of_its_family_under_its_own_name(dialect, family, members, expected):
    attempt = at(started(**members), provider={"dialect": dialect}, model="my-deployment", family=family)
    sent = body(attempt)
    assert sent["model"] == "my-deployment"
    names = {"max_tokens", "max_completion_tokens", "temperature"}
    assert {name: sent[name] for name in names & sent.keys()} == expected


def test_params_of_the_target_are_applied_before_the_translation():
    params = TargetParams(default={"seed": 7, "max_tokens": 5}, set={"temperature": 0.5}, drop=("user",))
    attempt = at(started(user="u", stop="x"), provider={"dialect": "mistral"}, params=params)
    request = provider_request(attempt)
    sent = orjson.loads(request.body)
    assert (sent["random_seed"], sent["temperature"], sent["max_tokens"], "user" in sent) == (7, 0.5, 5, False)
    assert request.warnings == ("param-dropped;name=user",)
    assert attempt.exchange.body["user"] == "u"


def test_a_clamp_is_stronger_than_params():
    attempt = at(started(), 100, params=TargetParams(set={"max_tokens": 500}))
    assert body(attempt)["max_tokens"] == 100
