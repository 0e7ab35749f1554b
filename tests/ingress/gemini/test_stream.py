"""Golden files of streams, which Google's SDK reads, whatever the cuts and whichever dialect they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.dialects.contract import ResponseContext
from proxy.dialects.google.native_stream import NativeStream
from proxy.errors import ParrotError
from proxy.ingress.gemini.stream import GeminiStream
from proxy.sse import decode, split_frames
from tests.ingress.anthropic_messages.test_stream import CUT, OF_DIALECTS, joined_deltas
from tests.ingress.gemini.golden import (
    context,
    expected_of,
    hub_files,
    responses_of,
    translated_answer,
    translated_stream,
)

FILES = [pytest.param(file, id=file.name) for file in hub_files("streams", "sse")]


def stream(name: str) -> bytes:
    return next(file for file in hub_files("streams", "sse") if file.name == f"{name}.hub.sse").read_bytes()


def parts_of(data: bytes) -> list[Any]:
    """Return the parts of the first candidate, in order."""
    candidates = [each for response in responses_of(data) for each in response.candidates or () if not each.index]
    return [part for each in candidates if each.content for part in each.content.parts or ()]


@pytest.mark.parametrize("file", FILES)
def test_a_stream_becomes_one_of_responses(file: Path) -> None:
    assert translated_stream(file.read_bytes()) == expected_of(file, "gemini").read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_it_does_not_matter_how_many_frames_come_at_once(file: Path) -> None:
    translator = GeminiStream(context())
    assert translator.feed(file.read_bytes()) + translator.end() == expected_of(file, "gemini").read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_only_the_last_event_has_the_finish_reason_and_the_usage(file: Path) -> None:
    responses = responses_of(expected_of(file, "gemini").read_bytes())
    ends = [any(each.finish_reason for each in response.candidates or ()) for response in responses]
    is_cut = file.name.split(".")[0] in CUT
    assert ends == [False] * (len(ends) - (not is_cut)) + [True] * (not is_cut)
    assert [response.usage_metadata is not None for response in responses] == ends


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_what_it_writes_is_a_whole_stream_of_the_native_format(file: Path, size: int) -> None:
    data = expected_of(file, "gemini").read_bytes()
    native = ResponseContext("google", "m", "chatcmpl-1", 1, endpoint="generate_content")
    passed = NativeStream(native)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert b"".join(map(passed.feed, pieces)) + passed.end() == data
    assert native.answer.complete == (file.name.split(".")[0] not in CUT)


@pytest.mark.parametrize("file", OF_DIALECTS)
def test_every_dialects_streams_have_the_same_content(file: Path) -> None:
    data = file.read_bytes()
    if b'"error"' in data:
        pytest.skip("the relay ends a stream with an error")
    expected, parts = joined_deltas(data), parts_of(translated_stream(data))
    assert "".join(part.text or "" for part in parts if not part.thought) == expected["content"] + expected["refusal"]
    calls = {part.function_call.id: part.function_call.name for part in parts if part.function_call}
    assert calls == {call["id"]: call["function"]["name"] for call in expected["tool_calls"] if "id" in call}


@pytest.mark.parametrize("name", ["text", "length", "refusal", "signed_thinking", "carried_signature"])
def test_a_stream_and_a_complete_answer_say_the_same(name: str) -> None:
    reason = "length" if name == "length" else "stop"
    data = {"choices": [{"message": joined_deltas(stream(name)), "finish_reason": reason}]}
    (whole,) = translated_answer(json.dumps(data).encode())["candidates"]
    events = [json.loads(decode(frame).data or b"") for frame in split_frames(translated_stream(stream(name)))]
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    for thought in (True, False):
        texts = ["".join(part.get("text", "") for part in listed if part.get("thought", False) is thought)
                 for listed in (parts, whole["content"]["parts"])]  # fmt: skip
        assert texts[0] == texts[1]
    calls = [[part for part in listed if "functionCall" in part] for listed in (parts, whole["content"]["parts"])]
    assert calls[0] == calls[1]
    assert events[-1]["candidates"][0]["finishReason"] == whole["finishReason"]


def test_thoughts_that_were_not_asked_for_are_not_shown() -> None:
    assert [part.text for part in parts_of(translated_stream(stream("thinking"), thoughts=False)) if part.thought] == []
    assert [part.text for part in parts_of(translated_stream(stream("thinking"))) if part.thought]


def test_a_candidate_that_is_not_finished_keeps_the_stream_from_looking_whole() -> None:
    translator = GeminiStream(context())
    translator.feed(b"".join(split_frames(stream("two_choices"))[:3]))
    assert translator.end() == b""


def test_what_is_kept_of_a_call_until_it_is_complete_is_counted() -> None:
    translator = GeminiStream(context())
    translator.feed(stream("text"))
    assert translator.kept_chars == 0
    translator = GeminiStream(context())
    translator.feed(stream("calls_in_turns"))
    assert translator.kept_chars == len('{"a":1}{"b": 2}')


def test_the_end_is_sent_once() -> None:
    translator = GeminiStream(context())
    assert b'"finishReason":"STOP"' in translator.feed(stream("text"))
    assert translator.end() == b"" == translator.feed(b"data: [DONE]\n\n")


def test_a_failure_is_an_error_in_any_state() -> None:
    for count in range(4):
        translator = GeminiStream(context())
        translator.feed(b"".join(split_frames(stream("one_call"))[:count]))
        event = decode(translator.fail(ParrotError("no")))
        assert event.name == "" and json.loads(event.data or b"")["error"]["message"] == "no"
        assert translator.end() == b""
