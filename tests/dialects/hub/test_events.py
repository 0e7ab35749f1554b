"""Typed events: which contain content, which end an answer, and what is recorded of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.dialects.hub.chunk import chunk_from_object
from proxy.dialects.hub.events import chat_usage, error_of, event_has_content, has_content, record_event
from proxy.messages import CompletionState
from proxy.sse import Event

USAGE = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, "input_tokens_details": {"cached_tokens": 0}}
CHAT_USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 5,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 0},
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("response.created", False),
        ("response.in_progress", False),
        ("response.content_part.added", False),
        ("response.output_item.added", True),
        ("response.output_text.delta", True),
        ("response.reasoning_summary_text.delta", True),
        ("response.function_call_arguments.delta", True),
        ("image_generation.partial_image", True),
        ("image_generation.completed", True),
        ("response.completed", True),
        ("response.incomplete", True),
        ("response.failed", True),
        ("error", True),
        (None, False),
        (7, False),
    ],
)
def test_content_ends_and_failures_count_as_content(kind: Any, expected: bool) -> None:
    assert event_has_content(chunk_from_object({"type": kind})) is expected


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ({"type": "response.created", "response": {"model": "m-1"}}, CompletionState(model="m-1")),
        (
            {"type": "response.completed", "response": {"model": "m-1", "usage": USAGE}},
            CompletionState(model="m-1", finish_reason="stop", done=True, usage=CHAT_USAGE),
        ),
        ({"type": "response.incomplete", "response": {}}, CompletionState(finish_reason="length", done=True)),
        (
            {"type": "image_generation.completed", "usage": USAGE},
            CompletionState(finish_reason="stop", done=True, usage=CHAT_USAGE, seen_choices={0}),
        ),
        ({"type": "response.failed", "response": {"model": "m-1"}}, CompletionState(model="m-1", error=True)),
        ({"type": "error", "message": "broke"}, CompletionState(error=True)),
        (
            {"type": "response.output_text.delta", "delta": "a", "response": 7, "model": 7},
            CompletionState(text_only=False),
        ),
        ({"type": "some.day"}, CompletionState()),
        ({"type": None}, CompletionState()),
    ],
)
def test_typed_events_are_recorded(event: dict[str, Any], seen: CompletionState) -> None:
    state = CompletionState()
    record_event(chunk_from_object(event), state)
    assert (state.text_only, replace(state, text_only=True)) == (
        not event_has_content(chunk_from_object(event)),
        replace(seen, text_only=True),
    )


def test_the_last_of_several_images_ends_the_stream() -> None:
    state = CompletionState(requested_choices=2)
    image = chunk_from_object({"type": "image_generation.completed"})
    record_event(image, state)
    assert (state.finish_reason, state.done, state.all_choices_finished) == ("stop", False, False)
    record_event(image, state)
    assert (state.done, state.all_choices_finished) == (True, True)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"error": {"message": "x"}}, {"message": "x"}),
        ({"error": "x"}, "x"),
        ({"error": ["x"]}, ["x"]),
        ({"type": "error", "message": "x", "code": "c"}, {"message": "x", "code": "c"}),
        ({"type": "error", "error": {"message": "x"}}, {"message": "x"}),
        ({"type": "response.failed", "response": {"error": {"message": "x"}}}, {"message": "x"}),
        ({"type": "response.failed", "response": 5}, {"message": "the response failed"}),
        ({"type": "error"}, {"message": "an error event"}),
        ({"error": None, "choices": []}, None),
        ({"type": "response.completed", "response": {"error": None}}, None),
    ],
)
def test_an_error_is_found_in_every_known_place(event: dict[str, Any], error: Any) -> None:
    assert error_of(event) == error


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, CHAT_USAGE),
        ({"prompt_tokens": 1}, {"prompt_tokens": 1}),
        ({"input_tokens": 1}, {"prompt_tokens": 1, "completion_tokens": None, "total_tokens": None}),
        (None, None),
        ([], None),
    ],
)
def test_usage_gets_the_names_of_chat(usage: Any, expected: Any) -> None:
    assert chat_usage(usage) == expected


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (None, False),
        (b"", False),
        (b"oops", False),
        (b"[1]", False),
        (b"{}", False),
        (b'{"choices":[]}', False),
        (b'{"choices":[],"usage":{"total_tokens":3}}', False),
        (b'{"choices":[{"delta":{"role":"assistant"}}]}', False),
        (b'{"choices":[{"delta":{"role":"assistant","content":""}}]}', False),
        (b'{"choices":[{"delta":{"content":null,"tool_calls":[]}}]}', False),
        (b'{"choices":[{"delta":null}]}', False),
        (b'{"choices":[{"delta":"text"}]}', False),
        (b'{"choices":[null, 3]}', False),
        (b'{"choices":5}', False),
        (b'{"choices":[{"delta":{"content":"a"}}]}', True),
        (b'{"choices":[{"delta":{"content":" "}}]}', True),
        (b'{"choices":[{"delta":{"role":"assistant"}},{"delta":{"content":"b"}}]}', True),
        (b'{"choices":[{"delta":{"reasoning_content":"a"}}]}', True),
        (b'{"choices":[{"delta":{"reasoning":"a"}}]}', True),
        (b'{"choices":[{"delta":{"refusal":"a"}}]}', True),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', True),
        (b'{"choices":[{"delta":{"function_call":{"name":"f"}}}]}', True),
        (b'{"choices":[{"delta":{"audio":{"id":"a"}}}]}', True),
        (b'{"choices":[{"delta":{"images":[{}]}}]}', True),
        (b'{"choices":[{"text":"a"}]}', True),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', True),
        (b'{"error":{"message":"x"}}', True),
        (b"[DONE]", False),
    ],
)
def test_anything_but_a_role_is_content(data: bytes | None, content: bool) -> None:
    assert has_content(Event("", data)) is content
