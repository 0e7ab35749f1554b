"""Typed events: which begin an answer, which end it, and what they say of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.dialects.hub.chunk import chunk_from_object
from proxy.dialects.hub.events import chat_usage, error_of, event_has_content, record_event
from proxy.messages import CompletionState

USAGE = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, "input_tokens_details": {"cached_tokens": 0}}
COUNTED = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


@pytest.mark.parametrize(
    ("kind", "does"),
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
def test_an_answer_begins_with_content_an_end_or_a_failure(kind: Any, does: bool) -> None:
    assert event_has_content(chunk_from_object({"type": kind})) is does


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ({"type": "response.created", "response": {"model": "m-1"}}, CompletionState(model="m-1")),
        (
            {"type": "response.completed", "response": {"model": "m-1", "usage": USAGE}},
            CompletionState(model="m-1", finish_reason="stop", done=True, usage=COUNTED),
        ),
        ({"type": "response.incomplete", "response": {}}, CompletionState(finish_reason="length", done=True)),
        (
            {"type": "image_generation.completed", "usage": USAGE},
            CompletionState(finish_reason="stop", done=True, usage=COUNTED, choice_finished={0: True}),
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
def test_what_an_event_says_of_the_answer_is_noted(event: dict[str, Any], seen: CompletionState) -> None:
    noted = CompletionState()
    record_event(chunk_from_object(event), noted)
    assert (noted.text_only, replace(noted, text_only=True)) == (
        not event_has_content(chunk_from_object(event)),
        replace(seen, text_only=True),
    )


def test_of_several_images_the_last_one_ends_the_stream() -> None:
    noted = CompletionState(requested_choices=2)
    image = chunk_from_object({"type": "image_generation.completed"})
    record_event(image, noted)
    assert (noted.finish_reason, noted.done, noted.all_choices_finished) == ("stop", False, False)
    record_event(image, noted)
    assert (noted.done, noted.all_choices_finished) == (True, True)


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
def test_an_error_is_found_in_every_place_it_may_have(event: dict[str, Any], error: Any) -> None:
    assert error_of(event) == error


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (USAGE, COUNTED),
        ({"prompt_tokens": 1}, {"prompt_tokens": 1}),
        ({"input_tokens": 1}, {"prompt_tokens": 1, "completion_tokens": None, "total_tokens": None}),
        (None, None),
        ([], None),
    ],
)
def test_usage_is_told_in_the_words_of_chat(usage: Any, told: Any) -> None:
    assert chat_usage(usage) == told
