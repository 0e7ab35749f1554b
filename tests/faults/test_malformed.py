"""Malformed responses and deeply nested requests, over real sockets: never an unhandled error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from proxy.dialects.anthropic.stream import _HANDLERS, AnthropicStream
from proxy.errors import MalformedResponse
from proxy.sse import encode
from tests.faults.rehearsal import KEY, PROMPT, ClientResult, Rehearsal, rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, RST, Script, http_chunk, http_response, send
from tests.faults.wire_formats import CLOSING, TEXT, WIRE_FORMATS, event, stream_head
from tests.virtual_time import virtual_time

OPENAI = WIRE_FORMATS["openai"]
WELL = [OPENAI.response_script(True)]
ROLE = OPENAI.opening[0]
DIALECTS = ("openai", "anthropic", "google", "mistral", "cohere", "meta")


def streamed(*events: bytes, ending: Any = FIN, last: bytes = http_chunk(b"")) -> Script:
    """Return a script that streams these events; without `last`, the end of the connection cuts the stream."""
    return [RECV, send(stream_head()), *map(event, events), send(last), ending]


def body_script(body: bytes) -> Script:
    return [RECV, send(http_response(body, headers=CLOSING)), FIN]


def encode_all(*values: Any) -> list[bytes]:
    return [encode(json.dumps(value).encode()) for value in values]


def unhandled_errors(running: Rehearsal) -> list[Any]:
    return [line for line in running.log.lines if line["event"] == "request_unhandled_error"]


async def send_request(
    file: str, *scripts: Sequence[Script], stream: bool = True, **members: Any
) -> tuple[ClientResult, Rehearsal]:
    async with rehearsal(file, *scripts) as running:
        result = await running.send_chat(stream, stream_options={"include_usage": True} if stream else None, **members)
        assert not unhandled_errors(running)
        assert KEY not in running.logged() and PROMPT not in running.logged()
        return result, running


# Malformed responses


@pytest.mark.parametrize("error", ["boom", ["boom"], {"message": ["boom"], "code": [1]}, {"code": 7, "detail": "boom"}])
@virtual_time
async def test_a_malformed_error_event_before_content_fails_over(error: Any) -> None:
    first = streamed(ROLE, *encode_all({"error": error}))
    result, _ = await send_request(routing_yaml(), [first], WELL)
    assert (result.text, result.provider, result.errors) == (TEXT, "second", [])
    result, _ = await send_request(routing_yaml(alone=True), [first])
    assert result.status == 502 and "boom" in result.errors[0]["message"]


@pytest.mark.parametrize("error", ["boom", ["boom"], {"message": ["boom"]}])
@pytest.mark.parametrize("dialect", DIALECTS)
@virtual_time
async def test_a_200_with_a_malformed_error_is_a_502(dialect: str, error: Any) -> None:
    result, _ = await send_request(
        routing_yaml(dialect, alone=True), [body_script(json.dumps({"error": error}).encode())], stream=False
    )
    assert result.status == 502 and "boom" in result.errors[0]["message"]


MODEL_5: dict[str, Any] = {
    "openai": {"model": 5, "id": 5, "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "anthropic": {"model": 5, "id": 5, "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"},
    "google": {"modelVersion": 5, "responseId": 5,
               "candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]},
    "cohere": {"id": 5, "message": {"content": [{"type": "text", "text": "Hi"}]}, "finish_reason": "COMPLETE"},
}  # fmt: skip
MODEL_5 |= {"mistral": MODEL_5["openai"], "meta": MODEL_5["openai"]}


@pytest.mark.parametrize("dialect", DIALECTS)
@virtual_time
async def test_members_of_a_wrong_type_do_not_lose_the_answer(dialect: str) -> None:
    result, _ = await send_request(
        routing_yaml(dialect, alone=True), [body_script(json.dumps(MODEL_5[dialect]).encode())], stream=False
    )
    assert (result.status, result.text) == (200, "Hi")
    assert result.headers["X-Provider-Model"] != "5"


STREAM_5: dict[str, list[Any]] = {
    "openai": [{"model": 5, "id": 5, "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
               {"model": 5, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}],
    "anthropic": [{"type": "message_start", "message": {"model": 5, "id": 5, "usage": {"input_tokens": "9"}}},
                  {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
                  {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
    "google": [MODEL_5["google"]],
    "cohere": [{"type": "message-start", "id": 5},
               {"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}},
               {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}],
}  # fmt: skip
STREAM_5 |= {"mistral": STREAM_5["openai"], "meta": STREAM_5["openai"]}


@pytest.mark.parametrize("dialect", DIALECTS)
@virtual_time
async def test_members_of_a_wrong_type_do_not_lose_a_streamed_answer(dialect: str) -> None:
    result, _ = await send_request(routing_yaml(dialect, alone=True), [streamed(*encode_all(*STREAM_5[dialect]))])
    assert (result.status, result.text, result.finishes, result.done) == (200, "Hi", ["stop"], 1)


TEXT_5: dict[str, list[Any]] = {
    "anthropic": [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ["secret"]}}],
    "google": [{"candidates": [{"content": {"parts": [{"text": ["secret"]}]}}]}],
    "cohere": [{"type": "content-delta", "delta": {"message": {"content": {"text": ["secret"]}}}}],
    "meta": [{"choices": [{"index": 0, "delta": {"content": {"secret": 1}}}]}],
}


HI: dict[str, list[Any]] = {
    "anthropic": STREAM_5["anthropic"][:2],
    "google": [{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}],
    "cohere": STREAM_5["cohere"][:2],
    "meta": STREAM_5["meta"][:1],
}


@pytest.mark.parametrize("dialect", TEXT_5)
@virtual_time
async def test_text_of_a_wrong_type_fails_over_or_ends_with_an_error_event(dialect: str) -> None:
    result, _ = await send_request(routing_yaml(dialect), [streamed(*encode_all(*TEXT_5[dialect]))], WELL)
    assert (result.text, result.provider) == (TEXT, "second")
    result, running = await send_request(
        routing_yaml(dialect), [streamed(*encode_all(*HI[dialect], *TEXT_5[dialect]))], WELL
    )
    assert (result.text, result.finishes, result.done) == ("Hi", [], 0)
    assert [error["code"] for error in result.errors] == [MalformedResponse.code]
    assert "secret" not in result.body.decode() + running.logged()


@virtual_time
async def test_an_exception_after_content_is_an_error_event_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_handler(stream: AnthropicStream, event: dict[str, Any]) -> bytes:
        raise TypeError(event["content_block"]["name"])

    monkeypatch.setitem(_HANDLERS, "new_block", broken_handler)
    block = {"type": "tool_use", "id": "i", "name": "canary-of-the-answer", "input": {}}
    broken = {"type": "new_block", "index": 1, "content_block": block}
    result, running = await send_request(
        routing_yaml("anthropic"), [streamed(*encode_all(*STREAM_5["anthropic"][:2], broken))], WELL
    )
    assert result.text == "Hi" and [error["code"] for error in result.errors] == [MalformedResponse.code]
    [line] = [line for line in running.log.lines if line["event"] == "transform_failed"]
    assert (
        line["error"] == "TypeError" and "broken_handler" in line["traceback"] and line["target"].startswith("first@")
    )
    assert "canary-of-the-answer" not in running.logged()


@virtual_time
async def test_an_oversized_event_ends_the_stream_with_an_error_event() -> None:
    large = [send(http_chunk(b"x" * 2**20)) for _ in range(9)]
    first: Script = [
        RECV,
        send(stream_head()),
        *map(event, (ROLE, *OPENAI.tokens[:3])),
        send(http_chunk(b"data: ")),
        *large,
    ]
    result, _ = await send_request(routing_yaml(), [first], WELL)
    assert result.text == " word0 word1 word2"
    assert (
        "an event is over 8388608 bytes" in result.errors[0]["message"] and len(result.errors) == 1 and result.done == 0
    )


# Unusual but valid responses


@pytest.mark.parametrize("together", [True, False])
@virtual_time
async def test_a_first_content_event_of_200_kb_is_accepted(together: bool) -> None:
    content = {"choices": [{"index": 0, "delta": {"content": "x" * 200_000}, "finish_reason": None}]}
    events = [ROLE, *encode_all(content), *OPENAI.closing, OPENAI.done]
    result, _ = await send_request(routing_yaml(alone=True), [streamed(*([b"".join(events)] if together else events))])
    assert (len(result.text), result.finishes, result.done) == (200_000, ["stop"], 1)


def gemini(words: str, finish: str | None = None, tokens: int = 0) -> bytes:
    candidate = {"content": {"parts": [{"text": words}]}, **({"finishReason": finish} if finish else {})}
    usage = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": tokens}} if tokens else {}
    return encode_all({"candidates": [candidate], **usage})[0]


EARLY = [gemini("one ", "STOP", 1), gemini("two ", "STOP", 2), gemini("three", "STOP", 3)]


@pytest.mark.parametrize("ending", [streamed(*EARLY), streamed(*EARLY, ending=RST, last=b": \n\n"), streamed(*EARLY)[:-2]],
                         ids=["closed", "reset", "open"])  # fmt: skip
@virtual_time
async def test_geminis_events_after_the_finish_reason_are_not_lost(ending: Script) -> None:
    result, running = await send_request(routing_yaml("google"), [ending], WELL)
    assert (result.text, result.finishes, result.done, result.errors) == ("one two three", ["stop"], 1, [])
    assert result.chunks[-1]["usage"]["completion_tokens"] == 3
    assert running.calls == (1, 0)


@virtual_time
async def test_a_lone_surrogate_does_not_lose_text() -> None:
    halves = [b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",'
              b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % half
              for half in (b"there \\ud83d", b"\\ude00 friend")]  # fmt: skip
    result, _ = await send_request(routing_yaml("meta", alone=True), [streamed(*halves, *OPENAI.closing, OPENAI.done)])
    assert (result.text, result.finishes, result.done) == ("there \U0001f600 friend", ["stop"], 1)
    result, _ = await send_request(
        routing_yaml("openai", alone=True), [streamed(*halves, *OPENAI.closing, OPENAI.done)]
    )
    assert (result.text, result.finishes, result.done) == ("there \ud83d\ude00 friend", ["stop"], 1)


@pytest.mark.parametrize("dialect", ["meta", "mistral"])
@virtual_time
async def test_a_cut_answer_of_a_compatible_host_is_not_duplicated(dialect: str) -> None:
    events = [encode_all({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": {"content": f" word{n}"}, "finish_reason": None}]})[0]
              for n in range(40)]  # fmt: skip
    result, running = await send_request(
        routing_yaml(dialect), [streamed(ROLE, *events, ending=RST, last=b": \n\n")], WELL
    )
    assert (result.text, result.finishes, result.done, result.provider) == (TEXT, ["stop"], 1, "second")
    assert running.calls == (1, 1)


# Requests


async def posted(running: Rehearsal, path: str, body: bytes) -> tuple[int, Any]:
    async with running.session.post(f"{running.sidecar.url}/v1/{path}", data=body) as got:
        return got.status, orjson.loads(await got.read())


NEEDED = {
    "chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "completions": {"prompt": "hi"},
    "embeddings": {"input": "hi"},
    "images/generations": {"prompt": "hi"},
    "moderations": {"input": "hi"},
    "responses": {"input": "hi"},
    "route": {"messages": [{"role": "user", "content": "hi"}]},
    "costs/analyze": {"prompt_tokens": 1, "completion_tokens": 1},
}


@pytest.mark.parametrize("path", NEEDED)
@virtual_time
async def test_a_request_nested_over_254_levels_is_a_400(path: str) -> None:
    members = [*NEEDED[path], "model", "tools", "metadata", "routing", "messages", "response_format", "x"]
    async with rehearsal(routing_yaml(), []) as running:
        for member in dict.fromkeys(members):
            for depth in (300, 1000, 20_000):
                rest = json.dumps(
                    {"model": "m", **{name: value for name, value in NEEDED[path].items() if name != member}}
                )
                body = f'{rest[:-1]},"{member}":{"[" * depth}{"]" * depth}}}'.encode()
                status, result = await posted(running, path, body)
                assert (status, result["error"]["code"]) == (400, "invalid_json"), (member, depth)
        assert not unhandled_errors(running)


WRONG: tuple[Any, ...] = (True, 5, 2**70, "x", ["x"], [5], {"a": 1}, [[]], {"type": 5})
MEMBERS = ("model", "stream", "stream_options", "n", "messages", "max_tokens", "tools", "prompt", "input", "user",
           "prompt_tokens", "routing")  # fmt: skip


@pytest.mark.parametrize("path", NEEDED)
@virtual_time
async def test_a_request_member_of_a_wrong_type_is_a_400_or_left_to_the_provider(path: str) -> None:
    no = b'{"error":{"message":"no","type":"invalid_request_error","param":"x","code":"bad"}}'
    refusing = [[RECV, send(http_response(no, status="400 X", headers=CLOSING)), FIN]]
    async with rehearsal(routing_yaml(alone=True), refusing) as running:
        for member in MEMBERS:
            for wrong in WRONG:
                body = {"model": "m", **NEEDED[path], member: wrong}
                status, result = await posted(running, path, json.dumps(body).encode())
                assert status < 500, (member, wrong, result)
                assert status == 200 or result["error"]["param"], (member, wrong, result)
        assert not unhandled_errors(running)
