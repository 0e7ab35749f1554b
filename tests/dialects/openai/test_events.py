"""Typed events: which begin an answer, which end it, and what they say of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.dialects.openai.chunk import chunk
from proxy.dialects.openai.events import counted, error_of, note_event, says
from proxy.messages import Answer

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
    assert says(chunk({"type": kind})) is does


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ({"type": "response.created", "response": {"model": "m-1"}}, Answer(model="m-1")),
        (
            {"type": "response.completed", "response": {"model": "m-1", "usage": USAGE}},
            Answer(model="m-1", finish="stop", done=True, usage=COUNTED),
        ),
        ({"type": "response.incomplete", "response": {}}, Answer(finish="length", done=True)),
        (
            {"type": "image_generation.completed", "usage": USAGE},
            Answer(finish="stop", done=True, usage=COUNTED, ended={0: True}),
        ),
        ({"type": "response.failed", "response": {"model": "m-1"}}, Answer(model="m-1", error=True)),
        ({"type": "error", "message": "broke"}, Answer(error=True)),
        ({"type": "response.output_text.delta", "delta": "a", "response": 7, "model": 7}, Answer(plain=False)),
        ({"type": "some.day"}, Answer()),
        ({"type": None}, Answer()),
    ],
)
def test_what_an_event_says_of_the_answer_is_noted(event: dict[str, Any], seen: Answer) -> None:
    noted = Answer()
    note_event(chunk(event), noted)
    assert (noted.plain, replace(noted, plain=True)) == (not says(chunk(event)), replace(seen, plain=True))


def test_of_several_images_the_last_one_ends_the_stream() -> None:
    noted = Answer(requested_choices=2)
    image = chunk({"type": "image_generation.completed"})
    note_event(image, noted)
    assert (noted.finish, noted.done, noted.all_choices_finished) == ("stop", False, False)
    note_event(image, noted)
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
    assert counted(usage) == told
