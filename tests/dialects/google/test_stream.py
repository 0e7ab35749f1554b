"""Gemini's streams become OpenAI's, whatever the cuts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.google import DIALECT
from proxy.sse import decode
from tests.dialects.oracles import (
    completion_of,
    corruptions,
    cuts,
    events_of,
    feed_all,
    golden_files,
    response_context,
    single_bytes,
)

HERE = Path(__file__).parent / "streams"
FILES = golden_files(HERE, "*.google.sse")
STOP = {"finishReason": "STOP"}
USAGE = {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}}


def says(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **more}]}


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)


def stream(*events: Any, **changes: Any) -> tuple[list[Any], Any]:
    seen = response_context(**changes)
    return events_of(feed_all(DIALECT.stream_translator(seen), [sse(*events)])), seen.answer


def translated(pieces: list[bytes]) -> tuple[bytes, Any]:
    seen = response_context(tool_names={"f_": "f!"})
    return feed_all(DIALECT.stream_translator(seen), pieces), seen.answer


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("file", FILES)
def test_golden_streams_are_translated_as_written_down_whole_and_byte_by_byte(file: Path, line_end: bytes) -> None:
    data = file.read_bytes().replace(b"\r\n", line_end)
    expected = file.with_name(file.name.replace("google", "openai")).read_bytes()
    whole, seen = translated([data])
    assert whole == expected
    assert translated(single_bytes(data)) == (whole, seen)


@pytest.mark.parametrize("file", FILES)
def test_a_last_event_may_lack_its_blank_line(file: Path) -> None:
    data = file.read_bytes()
    assert translated([data.rstrip()]) == translated([data])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_cuts_in_the_middle_of_a_character_or_a_line_ending_change_nothing(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([row.values[0] for row in FILES])).read_bytes()
    assert translated(data.draw(cuts(whole))) == translated([whole])


@pytest.mark.parametrize(
    ("name", "content", "finish", "calls"),
    [
        ("text", 'Grüß Gott 🌍\n\n"x"', "stop", []),
        (
            "tools",
            "I look.",
            "tool_calls",
            [("call_1_0", "f!", '{"a":"ü"}'), ("call_1_1", "now", "{}"), ("xyz", "f!", "{}")],
        ),
        ("late_usage", "ab", "length", []),
        ("blocked", None, "content_filter", []),
        ("image", "unsure", "stop", []),
    ],
)
def test_the_sdk_puts_a_stream_together(name: str, content: Any, finish: str, calls: list[Any]) -> None:
    written, seen = translated([(HERE / f"{name}.google.sse").read_bytes()])
    choice = completion_of(written)["choices"][0]
    assert (choice["message"]["content"] or None, choice["finish_reason"]) == (content, finish)
    made = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"].get("tool_calls") or ()
    ]
    assert made == calls
    assert seen.complete
    assert seen.done
    assert seen.finish_reason == finish


def test_parallel_calls_that_share_an_index_or_have_none_are_numbered_here() -> None:
    events, _ = stream(
        says({"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f", "args": {"b": 2}}}),
        says(**STOP),
    )
    calls = [event["choices"][0]["delta"]["tool_calls"][0] for event in events[1:3]]
    assert [(call["index"], call["function"]["arguments"]) for call in calls] == [(0, '{"a":1}'), (1, '{"b":2}')]
    assert len({call["id"] for call in calls}) == 2


def test_a_call_in_an_earlier_event_makes_stop_tool_calls() -> None:
    events, seen = stream(says({"functionCall": {"name": "f"}}), says({"text": "x"}), says(**STOP))
    assert events[-2]["choices"][0]["finish_reason"] == seen.finish_reason == "tool_calls"


def test_an_end_without_a_finish_reason_adds_nothing() -> None:
    events, seen = stream({**says({"text": "a"}), **USAGE})
    assert [event["choices"][0]["finish_reason"] for event in events] == [None, None]
    assert not seen.complete
    assert not seen.done
    assert seen.usage == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def test_an_end_after_a_finish_reason_is_clean() -> None:
    events, seen = stream(says({"text": "a"}), says(**STOP))
    assert events[-1] == "[DONE]"
    assert seen.complete
    assert seen.usage is None


EARLY = [
    {**says({"text": "one "}, **STOP), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1}},
    {**says({"text": "two "}, **STOP), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}},
    {**says({"functionCall": {"name": "f"}}), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3}},
]
"""A stream whose first event has a finish reason and usage already."""


def test_what_follows_a_finish_reason_and_usage_is_not_lost_wherever_the_stream_is_cut() -> None:
    data = sse(*EARLY)
    whole, seen = translated([data])
    said = completion_of(whole)
    assert said["choices"][0]["message"]["content"] == "one two "
    assert said["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "f"
    assert (said["choices"][0]["finish_reason"], said["usage"]["completion_tokens"]) == ("tool_calls", 3)
    assert whole.count(b'"finish_reason":"') == 1 and whole.endswith(b"data: [DONE]\n\n")
    assert seen.complete
    for place in range(len(data)):
        assert translated([data[:place], data[place:]])[0] == whole


def test_until_the_connection_ends_more_may_follow_a_finish_reason() -> None:
    seen = response_context()
    stage = DIALECT.stream_translator(seen)
    assert b'finish_reason":"stop' not in stage.feed(sse(EARLY[0]))
    assert seen.answer.complete and not seen.answer.done and not seen.answer.awaits_only_trailer
    assert events_of(stage.end())[-1] == "[DONE]"


def test_parts_of_the_event_that_finishes_come_before_the_finish() -> None:
    events, _ = stream({**says({"text": "a"}, {"text": "b"}, **STOP), **USAGE})
    assert [event["choices"][0]["delta"].get("content") for event in events[:4]] == ["", "a", "b", None]


def test_an_answer_cut_before_its_first_word_finishes_by_length() -> None:
    counts = {"promptTokenCount": 5, "thoughtsTokenCount": 90, "totalTokenCount": 95}
    events, seen = stream({"candidates": [{"finishReason": "MAX_TOKENS"}], "usageMetadata": counts})
    assert [event["choices"][0]["finish_reason"] for event in events[:2]] == [None, "length"]
    assert events[2]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 90}
    assert seen.complete


def test_a_malformed_function_call_is_an_error_and_no_finish() -> None:
    events, seen = stream(says({"text": "a"}), {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}], **USAGE})
    assert events[-1]["error"]["code"] == "upstream_malformed_output"
    assert seen.error
    assert not seen.complete


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    events, seen = stream({"promptFeedback": {"blockReason": "SAFETY"}})
    assert events[-2]["choices"][0]["finish_reason"] == seen.finish_reason == "content_filter"
    assert events[-1] == "[DONE]"


def test_thoughts_are_reasoning_and_the_rest_is_content() -> None:
    events, _ = stream(says({"text": "t", "thought": True}, {"text": "x"}), says(**STOP))
    assert [event["choices"][0]["delta"] for event in events[1:3]] == [{"reasoning_content": "t"}, {"content": "x"}]


@pytest.mark.parametrize("shown", [True, False])
def test_usage_is_shown_to_those_who_asked_and_noted_for_all(shown: bool) -> None:
    events, seen = stream({**says({"text": "a"}, **STOP), **USAGE}, show_usage=shown)
    assert any(event != "[DONE]" and event.get("usage") for event in events) == shown
    assert seen.usage["total_tokens"] == 3


def test_an_unknown_finish_reason_is_stop_and_an_unknown_part_is_passed_over() -> None:
    events, seen = stream(says({"someday": 1}, finishReason="SOMETHING_NEW"))
    assert events[-2]["choices"][0] | {"delta": 0} == {
        "index": 0,
        "delta": 0,
        "finish_reason": "stop",
        "provider_finish_reason": "SOMETHING_NEW",
    }
    assert seen.finish_reason == "stop"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (sse({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}), "rate_limit_exceeded"),
        (sse([{"error": {"code": 400, "message": "bad"}}]), "invalid_request"),
        (b'{\n "error": {\n  "code": 503, "message": "busy", "status": "UNAVAILABLE"\n }\n}\n', "server_is_overloaded"),
        (b'[{\r\n "error": {"code": 500}\r\n}\r\n]', "server_error"),
        (sse({"error": "text"}), "server_error"),
        (sse({"candidates": ["x"]}), "upstream_malformed_output"),
        (sse(says("x")), "upstream_malformed_output"),
    ],
)
@pytest.mark.parametrize("before", [b"", sse(says({"text": "a"}))])
def test_an_error_in_a_stream_is_an_error_event_and_the_last(before: bytes, data: bytes, code: str) -> None:
    seen = response_context()
    events = events_of(
        feed_all(DIALECT.stream_translator(seen), [before, data, b"\n\n", sse(says({"text": "b"}, **STOP))])
    )
    errors = [event["error"]["code"] for event in events if "error" in event]
    assert errors == [code]
    assert seen.answer.error
    assert not seen.answer.complete
    assert "[DONE]" not in events


def test_comments_pass_unseen_and_broken_json_is_dropped_and_counted() -> None:
    seen = response_context()
    data = b": hello\r\n\r\n" + b"data: {half\r\n\r\n" + b"data: 5\r\n\r\n" + sse(says({"text": "a"}), says(**STOP))
    assert len(events_of(feed_all(DIALECT.stream_translator(seen), [data]))) == 4
    assert seen.answer.dropped_events == 2


def test_an_event_on_several_data_lines_is_read() -> None:
    data = b'event: x\ndata: {"candidates": [{"content":\ndata: {"parts": [{"text": "a"}]}}]}\n\n'
    assert events_of(DIALECT.stream_translator(response_context()).feed(data))[1]["choices"][0]["delta"] == {
        "content": "a"
    }


def test_an_event_of_two_megabytes_is_one_event() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "A" * 2_000_000}}
    data = sse(says(picture), says(**STOP))
    pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)]
    events = events_of(feed_all(DIALECT.stream_translator(response_context()), pieces))
    assert len(events[1]["choices"][0]["delta"]["images"][0]["image_url"]["url"]) > 2_000_000


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (says({"text": "a"}), True),
        (says({"text": "a", "thought": True}), True),
        (says({"functionCall": {"name": "f"}}), True),
        (says({"inlineData": {}}), True),
        (says(**STOP), True),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, True),
        ({"error": {"code": 503}}, True),
        ([{"error": {"code": 503}}], True),
        ("text", True),
        (says({"text": ""}), False),
        (says({"text": "", "thoughtSignature": "c2ln"}), False),
        ({"candidates": [{"index": 0}]}, False),
        (USAGE, False),
    ],
)
def test_an_event_begins_the_answer_if_it_has_something_of_it(event: Any, content: bool) -> None:
    assert DIALECT.has_content(decode(sse(event))) == content


def test_a_comment_does_not_begin_the_answer_and_what_cannot_be_read_does() -> None:
    assert not DIALECT.has_content(decode(b": ping\n\n"))
    assert DIALECT.has_content(decode(b"data: {half\n\n"))


@pytest.mark.parametrize("file", FILES)
def test_a_stream_with_any_part_of_an_event_damaged_is_read_or_ends_in_an_error(file: Path) -> None:
    for frame in file.read_bytes().split(b"\r\n\r\n")[:-1]:
        for said in corruptions(json.loads(frame[6:])):
            assert DIALECT.has_content(decode(sse(said))) in (True, False)
            events_of(feed_all(DIALECT.stream_translator(response_context()), [sse(said, says({"text": "a"}, **STOP))]))
