"""Gemini's streams become OpenAI's; the output is the same however the input is cut."""

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


def candidate_event(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **more}]}


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)


def stream(*events: Any, **changes: Any) -> tuple[list[Any], Any]:
    state = response_context(**changes)
    return events_of(feed_all(DIALECT.stream_translator(state), [sse(*events)])), state.answer


def translate(pieces: list[bytes]) -> tuple[bytes, Any]:
    state = response_context(tool_names={"f_": "f!"})
    return feed_all(DIALECT.stream_translator(state), pieces), state.answer


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("file", FILES)
def test_a_stream_is_translated_to_its_golden_file_at_once_and_byte_by_byte(file: Path, line_end: bytes) -> None:
    data = file.read_bytes().replace(b"\r\n", line_end)
    expected = file.with_name(file.name.replace("google", "openai")).read_bytes()
    complete, state = translate([data])
    assert complete == expected
    assert translate(single_bytes(data)) == (complete, state)


@pytest.mark.parametrize("file", FILES)
def test_the_last_event_may_lack_its_blank_line(file: Path) -> None:
    data = file.read_bytes()
    assert translate([data.rstrip()]) == translate([data])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_output_does_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    complete = data.draw(st.sampled_from([row.values[0] for row in FILES])).read_bytes()
    assert translate(data.draw(cuts(complete))) == translate([complete])


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
def test_the_sdk_accumulates_the_message_from_the_chunks(
    name: str, content: Any, finish: str, calls: list[Any]
) -> None:
    output, state = translate([(HERE / f"{name}.google.sse").read_bytes()])
    choice = completion_of(output)["choices"][0]
    assert (choice["message"]["content"] or None, choice["finish_reason"]) == (content, finish)
    tool_calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"].get("tool_calls") or ()
    ]
    assert tool_calls == calls
    assert state.complete
    assert state.done
    assert state.finish_reason == finish


def test_parallel_calls_get_consecutive_indexes_and_unique_ids() -> None:
    events, _ = stream(
        candidate_event(
            {"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f", "args": {"b": 2}}}
        ),
        candidate_event(**STOP),
    )
    calls = [event["choices"][0]["delta"]["tool_calls"][0] for event in events[1:3]]
    assert [(call["index"], call["function"]["arguments"]) for call in calls] == [(0, '{"a":1}'), (1, '{"b":2}')]
    assert len({call["id"] for call in calls}) == 2


def test_stop_after_a_call_in_an_earlier_event_becomes_tool_calls() -> None:
    events, state = stream(
        candidate_event({"functionCall": {"name": "f"}}), candidate_event({"text": "x"}), candidate_event(**STOP)
    )
    assert events[-2]["choices"][0]["finish_reason"] == state.finish_reason == "tool_calls"


def test_a_stream_without_a_finish_reason_is_incomplete() -> None:
    events, state = stream({**candidate_event({"text": "a"}), **USAGE})
    assert [event["choices"][0]["finish_reason"] for event in events] == [None, None]
    assert not state.complete
    assert not state.done
    assert state.usage == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def test_a_stream_with_a_finish_reason_ends_with_done() -> None:
    events, state = stream(candidate_event({"text": "a"}), candidate_event(**STOP))
    assert events[-1] == "[DONE]"
    assert state.complete
    assert state.usage is None


EARLY = [
    {**candidate_event({"text": "one "}, **STOP), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1}},
    {**candidate_event({"text": "two "}, **STOP), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}},
    {
        **candidate_event({"functionCall": {"name": "f"}}),
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3},
    },
]
"""A stream whose first event already has a finish reason and usage."""


def test_content_after_a_finish_reason_is_kept_wherever_the_stream_is_cut() -> None:
    data = sse(*EARLY)
    complete, state = translate([data])
    completion = completion_of(complete)
    assert completion["choices"][0]["message"]["content"] == "one two "
    assert completion["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "f"
    assert (completion["choices"][0]["finish_reason"], completion["usage"]["completion_tokens"]) == ("tool_calls", 3)
    assert complete.count(b'"finish_reason":"') == 1 and complete.endswith(b"data: [DONE]\n\n")
    assert state.complete
    for position in range(len(data)):
        assert translate([data[:position], data[position:]])[0] == complete


def test_the_finish_chunk_is_written_when_the_connection_ends() -> None:
    state = response_context()
    translator = DIALECT.stream_translator(state)
    assert b'finish_reason":"stop' not in translator.feed(sse(EARLY[0]))
    assert state.answer.complete and not state.answer.done and not state.answer.awaits_only_trailer
    assert events_of(translator.end())[-1] == "[DONE]"


def test_parts_of_the_finishing_event_precede_the_finish_chunk() -> None:
    events, _ = stream({**candidate_event({"text": "a"}, {"text": "b"}, **STOP), **USAGE})
    assert [event["choices"][0]["delta"].get("content") for event in events[:3]] == ["", "ab", None]


def test_consecutive_texts_of_one_kind_are_one_chunk() -> None:
    texts = [{"text": "a"}, {"text": "b"}, {"text": "c", "thought": True}, {"text": ""}, {"text": "d"}]
    events, _ = stream({**candidate_event(*texts, **STOP), **USAGE})
    deltas = [event["choices"][0]["delta"] for event in events[1:4]]
    assert deltas == [{"content": "ab"}, {"reasoning_content": "c"}, {"content": "d"}]


def test_a_response_cut_before_its_first_token_finishes_with_length() -> None:
    counts = {"promptTokenCount": 5, "thoughtsTokenCount": 90, "totalTokenCount": 95}
    events, state = stream({"candidates": [{"finishReason": "MAX_TOKENS"}], "usageMetadata": counts})
    assert [event["choices"][0]["finish_reason"] for event in events[:2]] == [None, "length"]
    assert events[2]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 90}
    assert state.complete


def test_a_malformed_function_call_ends_the_stream_with_an_error() -> None:
    events, state = stream(
        candidate_event({"text": "a"}), {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}], **USAGE}
    )
    assert events[-1]["error"]["code"] == "upstream_malformed_output"
    assert state.error
    assert not state.complete


def test_a_blocked_prompt_finishes_with_content_filter() -> None:
    events, state = stream({"promptFeedback": {"blockReason": "SAFETY"}})
    assert events[-2]["choices"][0]["finish_reason"] == state.finish_reason == "content_filter"
    assert events[-1] == "[DONE]"


def test_thoughts_become_reasoning_content() -> None:
    events, _ = stream(candidate_event({"text": "t", "thought": True}, {"text": "x"}), candidate_event(**STOP))
    assert [event["choices"][0]["delta"] for event in events[1:3]] == [{"reasoning_content": "t"}, {"content": "x"}]


@pytest.mark.parametrize("requested", [True, False])
def test_usage_is_sent_on_request_and_always_recorded(requested: bool) -> None:
    events, state = stream({**candidate_event({"text": "a"}, **STOP), **USAGE}, show_usage=requested)
    assert any(event != "[DONE]" and event.get("usage") for event in events) == requested
    assert state.usage["total_tokens"] == 3


def test_an_unknown_finish_reason_becomes_stop_and_an_unknown_part_is_ignored() -> None:
    events, state = stream(candidate_event({"someday": 1}, finishReason="SOMETHING_NEW"))
    assert events[-2]["choices"][0] | {"delta": 0} == {
        "index": 0,
        "delta": 0,
        "finish_reason": "stop",
        "provider_finish_reason": "SOMETHING_NEW",
    }
    assert state.finish_reason == "stop"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (sse({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}), "rate_limit_exceeded"),
        (sse([{"error": {"code": 400, "message": "bad"}}]), "invalid_request"),
        (b'{\n "error": {\n  "code": 503, "message": "busy", "status": "UNAVAILABLE"\n }\n}\n', "server_is_overloaded"),
        (b'[{\r\n "error": {"code": 500}\r\n}\r\n]', "server_error"),
        (sse({"error": "text"}), "server_error"),
        (sse({"candidates": ["x"]}), "upstream_malformed_output"),
        (sse(candidate_event("x")), "upstream_malformed_output"),
    ],
)
@pytest.mark.parametrize("before", [b"", sse(candidate_event({"text": "a"}))])
def test_an_error_in_a_stream_becomes_the_last_event(before: bytes, data: bytes, code: str) -> None:
    state = response_context()
    events = events_of(
        feed_all(DIALECT.stream_translator(state), [before, data, b"\n\n", sse(candidate_event({"text": "b"}, **STOP))])
    )
    errors = [event["error"]["code"] for event in events if "error" in event]
    assert errors == [code]
    assert state.answer.error
    assert not state.answer.complete
    assert "[DONE]" not in events


def test_comments_are_ignored_and_invalid_json_is_dropped_and_counted() -> None:
    state = response_context()
    data = (
        b": hello\r\n\r\n"
        + b"data: {half\r\n\r\n"
        + b"data: 5\r\n\r\n"
        + sse(candidate_event({"text": "a"}), candidate_event(**STOP))
    )
    assert len(events_of(feed_all(DIALECT.stream_translator(state), [data]))) == 4
    assert state.answer.dropped_events == 2


def test_an_event_may_have_several_data_lines() -> None:
    data = b'event: x\ndata: {"candidates": [{"content":\ndata: {"parts": [{"text": "a"}]}}]}\n\n'
    assert events_of(DIALECT.stream_translator(response_context()).feed(data))[1]["choices"][0]["delta"] == {
        "content": "a"
    }


def test_an_event_of_two_megabytes_is_translated() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "A" * 2_000_000}}
    data = sse(candidate_event(image), candidate_event(**STOP))
    pieces = [data[start : start + 65536] for start in range(0, len(data), 65536)]
    events = events_of(feed_all(DIALECT.stream_translator(response_context()), pieces))
    assert len(events[1]["choices"][0]["delta"]["images"][0]["image_url"]["url"]) > 2_000_000


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (candidate_event({"text": "a"}), True),
        (candidate_event({"text": "a", "thought": True}), True),
        (candidate_event({"functionCall": {"name": "f"}}), True),
        (candidate_event({"inlineData": {}}), True),
        (candidate_event(**STOP), True),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, True),
        ({"error": {"code": 503}}, True),
        ([{"error": {"code": 503}}], True),
        ("text", True),
        (candidate_event({"text": ""}), False),
        (candidate_event({"text": "", "thoughtSignature": "c2ln"}), False),
        ({"candidates": [{"index": 0}]}, False),
        (USAGE, False),
    ],
)
def test_has_content_by_event(event: Any, content: bool) -> None:
    assert DIALECT.has_content(decode(sse(event))) == content


def test_a_comment_has_no_content_and_invalid_json_counts_as_content() -> None:
    assert not DIALECT.has_content(decode(b": ping\n\n"))
    assert DIALECT.has_content(decode(b"data: {half\n\n"))


@pytest.mark.parametrize("file", FILES)
def test_a_corrupted_event_does_not_break_the_stream(file: Path) -> None:
    for frame in file.read_bytes().split(b"\r\n\r\n")[:-1]:
        for corrupted in corruptions(json.loads(frame[6:])):
            assert DIALECT.has_content(decode(sse(corrupted))) in (True, False)
            events_of(
                feed_all(
                    DIALECT.stream_translator(response_context()),
                    [sse(corrupted, candidate_event({"text": "a"}, **STOP))],
                )
            )


def test_a_later_usage_does_not_replace_counts_that_it_lacks_or_has_as_0() -> None:
    first = {"promptTokenCount": 7, "cachedContentTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": 10}
    last = {"promptTokenCount": 0, "candidatesTokenCount": 2, "totalTokenCount": 12}
    _, state = stream({**candidate_event({"text": "a"}), "usageMetadata": first},
                      {**candidate_event({"text": "b"}, **STOP), "usageMetadata": last})  # fmt: skip
    assert state.usage == {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
