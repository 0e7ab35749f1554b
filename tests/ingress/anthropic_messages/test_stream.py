"""Golden files of streams, which Anthropic's SDK assembles, whatever the cuts and whichever dialect they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import ParrotError
from proxy.ingress.anthropic_messages.stream import MessageStream
from proxy.sse import decode, split_frames
from tests.dialects.oracles import golden_files
from tests.ingress.anthropic_messages.golden import (
    HERE,
    context,
    expected_of,
    message_of,
    translated_answer,
    translated_stream,
)

FILES = golden_files(HERE / "streams", "*.hub.sse")
DIALECTS = HERE.parent.parent / "dialects"
OF_DIALECTS = [
    pytest.param(file, id=f"{file.parent.parent.name}/{file.stem}")
    for file in sorted([*DIALECTS.glob("*/streams/*.out.sse"), *DIALECTS.glob("*/streams/*.chunks")])
    if b"[DONE]" in file.read_bytes()
]
CUT = ("cut", "cut_with_done")


def stream(name: str) -> bytes:
    return (HERE / "streams" / f"{name}.hub.sse").read_bytes()


def content_of(name: str, display: str | None = "summarized") -> list[dict[str, Any]]:
    return message_of(translated_stream(stream(name), display))["content"]  # type: ignore[no-any-return]


def names(data: bytes) -> list[str]:
    return [decode(frame).name for frame in split_frames(data)]


def joined_deltas(data: bytes) -> dict[str, Any]:
    """Return what the deltas of the first choice make up."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "refusal": ""}
    message |= {"thinking_blocks": [], "tool_calls": []}
    for event in (decode(frame).data for frame in split_frames(data)):
        choices = json.loads(event)["choices"] if event and event != b"[DONE]" else []
        for choice in choices:
            for member, value in choice["delta"].items() if not choice["index"] else ():
                if value and member in message:
                    message[member] += value
    return message


@pytest.mark.parametrize("file", FILES)
def test_a_stream_becomes_that_of_a_message(file: Path) -> None:
    assert translated_stream(file.read_bytes()) == expected_of(file, "messages").read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_it_does_not_matter_how_many_frames_come_at_once(file: Path) -> None:
    translator = MessageStream(context())
    assert translator.feed(file.read_bytes()) + translator.end() == expected_of(file, "messages").read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_the_sdk_assembles_the_message_and_each_event_is_valid(file: Path) -> None:
    message = message_of(expected_of(file, "messages").read_bytes())
    is_cut = file.name.split(".")[0] in CUT
    assert (message["stop_reason"] is None) == is_cut


@pytest.mark.parametrize("file", FILES)
def test_blocks_are_numbered_and_one_is_open_at_a_time(file: Path) -> None:
    is_open, count = False, 0
    for frame in split_frames(expected_of(file, "messages").read_bytes()):
        event = json.loads(decode(frame).data or b"")
        kind = event["type"].removeprefix("content_block_")
        if kind != event["type"]:
            assert is_open == (kind != "start") and event["index"] == count - is_open
            count += kind == "start"
            is_open = kind != "stop"
    assert not is_open or file.name.split(".")[0] in CUT


@pytest.mark.parametrize("file", OF_DIALECTS)
def test_every_dialects_streams_become_messages_with_the_same_content(file: Path) -> None:
    data = file.read_bytes()
    if b'"error"' in data:
        pytest.skip("the relay ends a stream with an error")
    message, expected = message_of(translated_stream(data)), joined_deltas(data)
    texts = [block["text"] for block in message["content"] if block["type"] == "text"]
    assert "".join(texts) == expected["content"] + expected["refusal"]
    calls = [(block["id"], block["name"]) for block in message["content"] if block["type"] == "tool_use"]
    assert calls == [(call["id"], call["function"]["name"]) for call in expected["tool_calls"] if "id" in call]


@pytest.mark.parametrize("name", ["text", "length", "refusal", "signed_thinking", "carried_signature"])
def test_a_stream_and_a_complete_answer_have_the_same_blocks(name: str) -> None:
    streamed = message_of(translated_stream(stream(name)))
    data = {
        "choices": [{"message": joined_deltas(stream(name)), "finish_reason": "length" if name == "length" else "stop"}]
    }
    whole = json.loads(translated_answer(json.dumps(data).encode()))
    assert streamed["content"] == whole["content"] and streamed["stop_reason"] == whole["stop_reason"]


def test_thinking_that_was_not_asked_for_is_not_sent_and_what_a_call_needs_is() -> None:
    assert [block["type"] for block in content_of("signed_thinking", None)] == ["text"]
    assert [block["type"] for block in content_of("carried_signature", None)] == ["thinking", "tool_use", "tool_use"]


def test_omitted_thinking_has_a_block_with_a_signature_and_no_text() -> None:
    first, *_ = content_of("signed_thinking", "omitted")
    assert (first["thinking"], first["signature"]) == ("", "c2ln")
    assert names(translated_stream(stream("thinking"), "omitted"))[1:4] == [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ]


def test_calls_in_turns_are_whole_one_after_the_other() -> None:
    assert [block["input"] for block in content_of("calls_in_turns")] == [{"a": 1}, {"b": 2}]


def test_a_call_is_written_as_it_arrives() -> None:
    translator = MessageStream(context())
    lengths = [len(translator.feed(frame)) for frame in split_frames(stream("one_call"))]
    assert all(lengths[1:5])


def test_an_answer_without_a_finish_reason_has_no_end() -> None:
    for name in CUT:
        assert not {"message_delta", "message_stop"} & set(names(translated_stream(stream(name))))


def test_the_end_is_sent_once() -> None:
    translator = MessageStream(context())
    assert translator.feed(stream("text")).endswith(b'{"type":"message_stop"}\n\n')
    assert translator.end() == b"" == translator.feed(b"data: [DONE]\n\n")


def test_a_failure_is_an_error_event_in_any_state() -> None:
    for count in range(4):
        translator = MessageStream(context())
        translator.feed(b"".join(split_frames(stream("one_call"))[:count]))
        event = decode(translator.fail(ParrotError("no")))
        assert event.name == "error" and json.loads(event.data or b"")["error"]["message"] == "no"
        assert translator.end() == b""
