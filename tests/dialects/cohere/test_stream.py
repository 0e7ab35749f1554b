"""Cohere's streams become OpenAI's; the output is the same however the input is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cohere.v2.types import V2ChatStreamResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from proxy.dialects.cohere import DIALECT
from proxy.sse import decode
from tests.dialects.oracles import (
    completion_of,
    cuts,
    events_of,
    feed_all,
    golden_files,
    response_context,
    single_bytes,
)

STREAMS = Path(__file__).parent / "streams"
FILES = sorted(STREAMS.glob("*.sse"))
INCOMPLETE = {"cut", "error_at_the_end", "timeout_at_the_end", "error_in_its_place"}
REJECTED_BY_SDK = {"max_tokens", "toxic"}
"""Streams with finish reasons for which the SDK raises."""


def translate(name: str, **changes: Any) -> tuple[bytes, Any]:
    context = response_context(**changes)
    return feed_all(DIALECT.stream_translator(context), [(STREAMS / f"{name}.sse").read_bytes()]), context.answer


@pytest.mark.parametrize("file", golden_files(STREAMS, "*.sse"))
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_stream_is_translated_to_its_golden_file_at_once_and_byte_by_byte(file: Path, ending: bytes) -> None:
    source, chunks = file.read_bytes().replace(b"\n", ending), file.with_suffix(".chunks").read_bytes()
    assert feed_all(DIALECT.stream_translator(response_context()), [source]) == chunks
    assert feed_all(DIALECT.stream_translator(response_context()), single_bytes(source)) == chunks


@given(st.data())
def test_the_output_does_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    source = file.read_bytes().replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n"])))
    assert (
        feed_all(DIALECT.stream_translator(response_context()), data.draw(cuts(source)))
        == file.with_suffix(".chunks").read_bytes()
    )


def test_the_last_event_may_lack_its_blank_line() -> None:
    source = (STREAMS / "no_event_names_no_done.sse").read_bytes()
    assert feed_all(DIALECT.stream_translator(response_context()), [source.rstrip()]) == feed_all(
        DIALECT.stream_translator(response_context()), [source]
    )


@pytest.mark.parametrize("name", [file.stem for file in FILES if file.stem not in INCOMPLETE | REJECTED_BY_SDK])
def test_the_openai_sdk_accepts_every_stream(name: str) -> None:
    stream, state = translate(name)
    assert completion_of(stream)["choices"][0]["finish_reason"] == state.finish_reason and state.complete and state.done


@pytest.mark.parametrize("name", ["text", "thinking", "tools"])
def test_the_input_streams_are_valid_for_coheres_sdk(name: str) -> None:
    for event in (STREAMS / f"{name}.sse").read_bytes().split(b"\n\n"):
        data = decode(event + b"\n\n").data
        if data and data != b"[DONE]":
            TypeAdapter(V2ChatStreamResponse).validate_python(json.loads(data))


def test_a_tool_plan_becomes_reasoning_and_calls_need_not_be_in_a_list() -> None:
    completion = completion_of(translate("tools", tool_names={"a_b": "a.b"})[0])
    calls = completion["choices"][0]["message"]["tool_calls"]
    assert completion["reasoning_content"] == "I will look."
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] == [
        ("f_1", "a.b", '{"a":1}'), ("g_2", "g", "{}"), ("f_3", "a.b", '{"a":2}'),
    ]  # fmt: skip


def test_thinking_becomes_reasoning() -> None:
    completion = completion_of(translate("thinking")[0])
    assert (completion["reasoning_content"], completion["choices"][0]["message"]["content"]) == ("hmm", "yes")


def test_token_counts_are_integers() -> None:
    assert translate("text")[1].usage == {
        "prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4},
    }  # fmt: skip
    assert not any("usage" in event for event in events_of(translate("text", show_usage=False)[0])[:-1])


@pytest.mark.parametrize("name, finish", [
    ("text", "stop"), ("no_event_names_no_done", "stop"), ("max_tokens", "length"), ("tools", "tool_calls"),
    ("toxic", "content_filter"), ("unknown_finish", "stop"),
])  # fmt: skip
def test_finish_reasons_are_translated(name: str, finish: str) -> None:
    assert translate(name)[1].finish_reason == finish


@pytest.mark.parametrize("name, code, text", [
    ("error_at_the_end", "server_error", "engine died"), ("timeout_at_the_end", "upstream_timeout", "TIMEOUT"),
    ("error_in_its_place", "server_error", "internal server error"),
])  # fmt: skip
def test_an_error_ends_the_stream_in_openais_format(name: str, code: str, text: str) -> None:
    stream, state = translate(name)
    error = events_of(stream)[-1]["error"]
    assert error["code"] == code and text in error["message"] and set(error) == {"message", "type", "param", "code"}
    assert state.error and not state.complete and not state.done


def test_a_cut_stream_has_no_done_event() -> None:
    stream, state = translate("cut")
    assert not state.complete and b"[DONE]" not in stream


def test_unknown_events_are_ignored_and_invalid_events_are_counted() -> None:
    stream, state = translate("strangers")
    assert completion_of(stream)["choices"][0]["message"]["content"] == "a" and state.dropped_events == 2


@pytest.mark.parametrize("data, content", [
    (b'{"type":"message-start"}', False),
    (b'{"type":"content-start","delta":{"message":{"content":{"type":"text","text":""}}}}', False),
    (b'{"type":"content-start","delta":{"message":{"content":{"type":"text","text":"a"}}}}', True),
    (b'{"type":"content-delta","delta":{"message":{"content":{"thinking":"a"}}}}', True),
    (b'{"type":"tool-plan-delta"}', True), (b'{"type":"tool-call-start"}', True), (b'{"type":"message-end"}', True),
    (b'{"type":"debug"}', False), (b'{"message":"no","id":"x"}', True), (b"[DONE]", True), (b"<", False),
])  # fmt: skip
def test_has_content_by_event(data: bytes, content: bool) -> None:
    assert DIALECT.has_content(decode(b"data: " + data + b"\n\n")) is content


def test_a_comment_has_no_content() -> None:
    assert not DIALECT.has_content(decode(b": hi\n\n"))


def event_of(kind: str, **message: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, "delta": {"message": message}}).encode() + b"\n\n"


START = event_of("tool-call-start", tool_calls={"id": "i", "function": {"name": "f"}})
CALL_END, MESSAGE_END = event_of("tool-call-end"), event_of("message-end")


@pytest.mark.parametrize("events", [
    [START, CALL_END, START, CALL_END, MESSAGE_END], [START, START, MESSAGE_END], [START, CALL_END, CALL_END, START],
])  # fmt: skip
def test_each_call_without_arguments_gets_one_empty_object(events: list[bytes]) -> None:
    stream = feed_all(DIALECT.stream_translator(response_context()), [*events, MESSAGE_END])
    calls = completion_of(stream)["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ["{}", "{}"]


def test_the_end_of_a_call_writes_its_empty_arguments_at_once() -> None:
    translator = DIALECT.stream_translator(response_context())
    translator.feed(START)
    (event,) = events_of(translator.feed(CALL_END))
    assert event["choices"][0]["delta"]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]


def test_arguments_without_a_call_are_dropped() -> None:
    arguments = event_of("tool-call-delta", tool_calls={"function": {"arguments": "{"}})
    assert DIALECT.stream_translator(response_context()).feed(arguments) == b""


def test_consecutive_texts_of_one_kind_are_one_chunk() -> None:
    texts = [{"text": "a"}, {"text": "b"}, {"thinking": "c", "text": "d"}]
    sent = DIALECT.stream_translator(response_context()).feed(event_of("content-delta", content=texts))
    deltas = [event["choices"][0]["delta"] for event in events_of(sent)[1:]]
    assert deltas == [{"content": "ab"}, {"reasoning_content": "c"}, {"content": "d"}]
