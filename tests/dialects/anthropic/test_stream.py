"""Streams: the output is the same however the input is cut, and the OpenAI SDK accepts the chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.dialects.anthropic import DIALECT
from proxy.sse import Event, Framer, decode, encode
from tests.dialects.anthropic.golden import HERE, NAMES, translate_stream
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

FILES = golden_files(HERE / "streams", "*.in.sse")


def expected(file: Path) -> bytes:
    return file.with_name(file.name.replace(".in.", ".out.")).read_bytes()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_stream_is_translated_to_its_golden_file_at_once_and_byte_by_byte(file: Path, ending: bytes) -> None:
    data = file.read_bytes().replace(b"\n", ending)
    assert translate_stream(data)[0] == expected(file)
    assert feed_all(DIALECT.stream_translator(response_context(tool_names=NAMES)), single_bytes(data)) == expected(file)


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), ending=st.sampled_from([b"\n", b"\r\n"]))
def test_the_output_does_not_depend_on_how_the_stream_is_cut(file: Path, data: st.DataObject, ending: bytes) -> None:
    pieces = data.draw(cuts(file.read_bytes().replace(b"\n", ending)))
    assert feed_all(DIALECT.stream_translator(response_context(tool_names=NAMES)), pieces) == expected(file)


@pytest.mark.parametrize("name, expected_message, reason", [
    ("text", {"content": 'Hello, wörld 🦜\n"x"'}, "stop"),
    ("refusal", {"content": "I", "refusal": "This could harm."}, "content_filter"),
    ("parallel-tools", {"content": "Let me see.", "calls": [("toolu_1", "a.b", '{"a":1}'), ("toolu_2", "weather", '{"city": "Bonn"}')]}, "tool_calls"),
    ("tool-without-fragments", {"calls": [("toolu_1", "time", "{}"), ("toolu_2", "time", "{}")]}, "tool_calls"),
    ("tool-with-input-at-start", {"calls": [("toolu_1", "time", '{"zone":"CET"}'), ("toolu_2", "time", '{"zone":"UTC"}')]}, "tool_calls"),
    ("server-tools", {"content": "Found it", "calls": [("toolu_1", "time", "{}")]}, "tool_calls"),
    ("length", {"content": "I"}, "length"),
])  # fmt: skip
def test_the_sdk_accumulates_the_message_from_the_chunks(
    name: str, expected_message: dict[str, Any], reason: str
) -> None:
    completion = completion_of(translate_stream((HERE / "streams" / f"{name}.in.sse").read_bytes())[0])
    message = completion["choices"][0]["message"]
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    ]
    assert calls == expected_message.get("calls", [])
    assert (message["content"] or None, message["refusal"]) == (
        expected_message.get("content"),
        expected_message.get("refusal"),
    )
    assert completion["choices"][0]["finish_reason"] == reason
    assert completion["usage"]["prompt_tokens"] == 1105


@pytest.mark.parametrize("file", FILES)
def test_reasoning_is_separate_and_done_comes_last(file: Path) -> None:
    stream, context = translate_stream(file.read_bytes())
    events = events_of(stream)
    if context.answer.complete:
        assert completion_of(stream).get("reasoning_content") == ("Hm." if file.name.startswith("thinking") else None)
    assert ("[DONE]" in events) == context.answer.done
    assert "[DONE]" not in events[:-1]


@pytest.mark.parametrize("name, complete, done, error, dropped", [
    ("text", True, True, False, 0),
    ("cut", False, False, False, 0),
    ("cut-in-an-event", False, False, False, 0),
    ("cut-before-the-stop", True, False, False, 0),
    ("no-reason", False, False, False, 0),
    ("error-at-once", False, False, True, 0),
    ("error-midway", False, False, True, 0),
    ("no-last-blank-line", True, True, False, 0),
    ("malformed-events", True, True, False, 5),
    ("unknown-events", True, True, False, 0),
])  # fmt: skip
def test_the_completion_state_is_recorded(name: str, complete: bool, done: bool, error: bool, dropped: int) -> None:
    state = translate_stream((HERE / "streams" / f"{name}.in.sse").read_bytes())[1].answer
    assert (state.complete, state.done, state.error, state.dropped_events) == (complete, done, error, dropped)
    assert name == "error-at-once" or (state.model, state.usage is not None) == ("claude-sonnet-4-5-20250929", True)


def test_usage_is_recorded_but_not_sent_unless_requested() -> None:
    context = response_context(show_usage=False)
    stream = feed_all(DIALECT.stream_translator(context), [(HERE / "streams" / "text.in.sse").read_bytes()])
    assert b"usage" not in stream
    assert context.answer.usage is not None and context.answer.usage["total_tokens"] == 1112


@pytest.mark.parametrize("data, content", [
    ({"type": "message_start", "message": {}}, False),
    ({"type": "ping"}, False),
    ({"type": "content_block_start", "content_block": {"type": "text", "text": ""}}, False),
    ({"type": "content_block_start", "content_block": {"type": "text", "text": "a"}}, True),
    ({"type": "content_block_start", "content_block": {"type": "tool_use"}}, True),
    ({"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}}, False),
    ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, True),
    ({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "a"}}, True),
    ({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{"}}, True),
    ({"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "a"}}, False),
    ({"type": "content_block_delta"}, False),
    ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, True),
    ({"type": "message_delta", "delta": {}}, False),
    ({"type": "error", "error": {}}, True),
    ({"type": "content_block_start", "content_block": 5, "delta": 5}, False),
    ([], False),
])  # fmt: skip
def test_has_content_by_event_type(data: Any, content: bool) -> None:
    assert DIALECT.has_content(Event("x", orjson.dumps(data))) is content


@pytest.mark.parametrize("name", ["parallel-tools", "thinking", "server-tools", "refusal", "error-midway"])
def test_a_corrupted_event_does_not_break_the_stream(name: str) -> None:
    frames = Framer().feed((HERE / "streams" / f"{name}.in.sse").read_bytes())
    for position, frame in enumerate(frames):
        for corrupted in corruptions(orjson.loads(decode(frame).data or b"")):
            event = Event("", orjson.dumps(corrupted))
            assert DIALECT.has_content(event) in (True, False)
            translator = DIALECT.stream_translator(response_context())
            pieces = [*frames[:position], encode(event.data or b""), *frames[position + 1 :]]
            assert all(isinstance(output, (dict, str)) for output in events_of(feed_all(translator, pieces)))


@pytest.mark.parametrize("event", [Event("ping", None), Event("", b"{"), Event("", b"[DONE]")])
def test_an_unreadable_event_has_no_content(event: Event) -> None:
    assert not DIALECT.has_content(event)


@pytest.mark.parametrize("file", FILES)
def test_the_first_event_that_writes_content_has_content(file: Path) -> None:
    """No output precedes the first event for which `has_content` is true."""
    translator = DIALECT.stream_translator(response_context(tool_names=NAMES))
    for frame in Framer().feed(file.read_bytes()):
        has_output = any(
            event == "[DONE]" or "error" in event or _has_delta(event) for event in events_of(translator.feed(frame))
        )
        if has_output:
            assert DIALECT.has_content(decode(frame))
            return


def _has_delta(chunk: dict[str, Any]) -> bool:
    return any(choice["finish_reason"] or set(choice["delta"]) - {"role", "content"} for choice in chunk["choices"])
