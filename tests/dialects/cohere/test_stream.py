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
BROKEN = {"cut", "error_at_the_end", "timeout_at_the_end", "error_in_its_place"}
UNREADABLE = {"max_tokens", "toxic"}
"""Finishes on which the SDK's reader raises."""


def read(name: str, **changes: Any) -> tuple[bytes, Any]:
    its = response_context(**changes)
    return feed_all(DIALECT.stream_translator(its), [(STREAMS / f"{name}.sse").read_bytes()]), its.answer


@pytest.mark.parametrize("file", golden_files(STREAMS, "*.sse"))
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_stream_becomes_exactly_its_golden_chunks(file: Path, ending: bytes) -> None:
    source, chunks = file.read_bytes().replace(b"\n", ending), file.with_suffix(".chunks").read_bytes()
    assert feed_all(DIALECT.stream_translator(response_context()), [source]) == chunks
    assert feed_all(DIALECT.stream_translator(response_context()), single_bytes(source)) == chunks


@given(st.data())
def test_in_any_cuts_it_is_the_same(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    source = file.read_bytes().replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n"])))
    assert (
        feed_all(DIALECT.stream_translator(response_context()), data.draw(cuts(source)))
        == file.with_suffix(".chunks").read_bytes()
    )


def test_without_the_last_blank_line_it_is_the_same() -> None:
    source = (STREAMS / "no_event_names_no_done.sse").read_bytes()
    assert feed_all(DIALECT.stream_translator(response_context()), [source.rstrip()]) == feed_all(
        DIALECT.stream_translator(response_context()), [source]
    )


@pytest.mark.parametrize("name", [file.stem for file in FILES if file.stem not in BROKEN | UNREADABLE])
def test_openais_own_reader_takes_every_stream(name: str) -> None:
    stream, seen = read(name)
    assert completion_of(stream)["choices"][0]["finish_reason"] == seen.finish_reason and seen.complete and seen.done


@pytest.mark.parametrize("name", ["text", "thinking", "tools"])
def test_the_streams_are_what_coheres_own_type_takes(name: str) -> None:
    for event in (STREAMS / f"{name}.sse").read_bytes().split(b"\n\n"):
        data = decode(event + b"\n\n").data
        if data and data != b"[DONE]":
            TypeAdapter(V2ChatStreamResponse).validate_python(json.loads(data))


def test_a_plan_is_thought_and_calls_are_read_though_they_are_no_list() -> None:  # G 49
    whole = completion_of(read("tools", tool_names={"a_b": "a.b"})[0])
    calls = whole["choices"][0]["message"]["tool_calls"]
    assert whole["reasoning_content"] == "I will look."
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] == [
        ("f_1", "a.b", '{"a":1}'), ("g_2", "g", "{}"), ("f_3", "a.b", '{"a":2}'),
    ]  # fmt: skip


def test_thinking_becomes_reasoning() -> None:
    whole = completion_of(read("thinking")[0])
    assert (whole["reasoning_content"], whole["choices"][0]["message"]["content"]) == ("hmm", "yes")


def test_counts_are_whole_numbers() -> None:  # G 50
    assert read("text")[1].usage == {
        "prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4},
    }  # fmt: skip
    assert not any("usage" in event for event in events_of(read("text", show_usage=False)[0])[:-1])


@pytest.mark.parametrize("name, finish", [
    ("text", "stop"), ("no_event_names_no_done", "stop"), ("max_tokens", "length"), ("tools", "tool_calls"),
    ("toxic", "content_filter"), ("unknown_finish", "stop"),
])  # fmt: skip
def test_finish_reasons_have_openais_words(name: str, finish: str) -> None:  # G 72
    assert read(name)[1].finish_reason == finish


@pytest.mark.parametrize("name, code, says", [
    ("error_at_the_end", "server_error", "engine died"), ("timeout_at_the_end", "upstream_timeout", "TIMEOUT"),
    ("error_in_its_place", "server_error", "internal server error"),
])  # fmt: skip
def test_an_error_ends_the_stream_in_openais_shape(name: str, code: str, says: str) -> None:
    stream, seen = read(name)
    error = events_of(stream)[-1]["error"]
    assert error["code"] == code and says in error["message"] and set(error) == {"message", "type", "param", "code"}
    assert seen.error and not seen.complete and not seen.done


def test_a_cut_stream_says_nothing_of_an_end() -> None:
    stream, seen = read("cut")
    assert not seen.complete and b"[DONE]" not in stream


def test_what_is_unknown_is_passed_over_and_what_is_no_event_is_counted() -> None:  # G 72
    stream, seen = read("strangers")
    assert completion_of(stream)["choices"][0]["message"]["content"] == "a" and seen.dropped_events == 2


@pytest.mark.parametrize("data, content", [
    (b'{"type":"message-start"}', False),
    (b'{"type":"content-start","delta":{"message":{"content":{"type":"text","text":""}}}}', False),
    (b'{"type":"content-start","delta":{"message":{"content":{"type":"text","text":"a"}}}}', True),
    (b'{"type":"content-delta","delta":{"message":{"content":{"thinking":"a"}}}}', True),
    (b'{"type":"tool-plan-delta"}', True), (b'{"type":"tool-call-start"}', True), (b'{"type":"message-end"}', True),
    (b'{"type":"debug"}', False), (b'{"message":"no","id":"x"}', True), (b"[DONE]", True), (b"<", False),
])  # fmt: skip
def test_content_begins_with_text_thought_call_end_or_error(data: bytes, content: bool) -> None:
    assert DIALECT.has_content(decode(b"data: " + data + b"\n\n")) is content


def test_a_comment_begins_nothing() -> None:
    assert not DIALECT.has_content(decode(b": hi\n\n"))
