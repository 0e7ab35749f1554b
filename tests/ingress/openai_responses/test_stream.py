"""Streams: golden files, and the streams of all dialects, as the SDK and its readers accept them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from proxy.dialects import DIALECTS
from proxy.errors import ParrotError, ResponseTooLargeError
from proxy.ingress.openai_responses.stream import ResponsesStream
from proxy.sse import split_frames
from tests.dialects.oracles import golden_files, response_context
from tests.ingress.openai_responses.oracles import (
    HERE,
    TOOLS,
    answer_context,
    checked_events,
    events_of,
    text_of,
    translated,
)

STREAMS = golden_files(HERE / "streams", "*.hub.sse")
DIALECTS_FOLDER = HERE.parent.parent / "dialects"
_TRANSLATED = (".out.sse", ".openai.sse")


def provider_streams() -> list[Any]:
    """Return the golden streams of every dialect as parameters."""
    files = [(name, file) for name in DIALECTS for file in sorted((DIALECTS_FOLDER / name / "streams").glob("*.sse"))]
    return [
        pytest.param(name, file, id=f"{name}-{file.stem}")
        for name, file in files
        if not file.name.endswith(_TRANSLATED)
    ]


def after(hub: bytes) -> ResponsesStream:
    """Return the translator after these frames."""
    stream = ResponsesStream(answer_context())
    stream.feed(hub)
    return stream


CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'


@pytest.mark.parametrize("file", STREAMS)
def test_a_stream_is_translated_to_its_golden_file(file: Path) -> None:
    stream = translated(file.read_bytes(), answer_context(tools=TOOLS))
    checked_events(stream)
    assert stream == file.with_name(file.name.replace(".hub.", ".responses.")).read_bytes()


@pytest.mark.parametrize("file", STREAMS)
def test_frames_one_by_one_give_the_same_events(file: Path) -> None:
    context, hub = answer_context(tools=TOOLS), file.read_bytes()
    stream = ResponsesStream(context)
    single = b"".join(map(stream.feed, split_frames(hub))) + (stream.end() if b"[DONE]" in hub else b"")
    assert single == translated(hub, context)


@pytest.mark.parametrize("dialect, file", provider_streams())
def test_the_stream_of_every_provider_is_valid_for_the_sdk(dialect: str, file: Path) -> None:
    translator = DIALECTS[dialect].stream_translator(response_context(endpoint="chat"))
    hub = translator.feed(file.read_bytes()) + translator.end()
    stream = translated(hub, answer_context())
    assert not stream or checked_events(stream)


@pytest.mark.parametrize("file", STREAMS)
def test_a_stream_that_is_cut_anywhere_never_looks_complete(file: Path) -> None:
    frames = split_frames(file.read_bytes())
    for count in range(len(frames)):
        stream = ResponsesStream(answer_context(tools=TOOLS))
        events = checked_events(b"".join(map(stream.feed, frames[:count])) + stream.fail(ParrotError("cut")))
        kinds = [event["type"] for event in events]
        assert "error" in kinds and not {"response.completed", "response.incomplete"} & set(kinds)
        assert kinds[-1] == ("response.failed" if "response.created" in kinds else "error")


def test_the_ping_of_a_provider_is_passed_on_as_a_comment() -> None:
    assert ResponsesStream(answer_context()).feed(b": ping\n\n") == b": ping\n\n"


def test_the_end_is_sent_once_and_nothing_comes_after_it() -> None:
    stream = after(CHUNK)
    assert events_of(stream.end())[-1]["type"] == "response.completed"
    assert (stream.end(), stream.feed(CHUNK), stream.fail(ParrotError("no"))) == (b"", b"", b"")


def test_nothing_comes_after_an_error() -> None:
    stream = after(CHUNK)
    assert stream.fail(ParrotError("no"))
    assert (stream.end(), stream.feed(CHUNK), stream.fail(ParrotError("no"))) == (b"", b"", b"")


@pytest.mark.parametrize("code, expected", [
    ("rate_limit_exceeded", "rate_limit_exceeded"), ("upstream_timeout", "server_error"), (None, "server_error"),
])  # fmt: skip
def test_a_response_that_failed_says_why_in_the_codes_of_the_api(code: str | None, expected: str) -> None:
    error, failed = events_of(after(CHUNK).fail(ParrotError("no", code=code)))
    assert error["error"]["message"] == "no" and error["sequence_number"] + 1 == failed["sequence_number"]
    assert failed["response"]["error"] == {"code": expected, "message": "no"}


def test_an_error_before_the_first_chunk_is_the_only_event() -> None:
    (event,) = events_of(ResponsesStream(answer_context()).fail(ParrotError("no")))
    assert (event["type"], event["sequence_number"]) == ("error", 0)


def test_only_the_first_choice_is_translated() -> None:
    other = CHUNK.replace(b'"index":0', b'"index":1')
    assert text_of(events_of(translated(CHUNK + other, answer_context())), "response.output_text.delta") == "Hel"


def test_junk_in_a_stream_is_no_event() -> None:
    for junk in (b"data: 5\n\n", b"data: {\n\n", b"data:\n\n", b"event: x\n\n", b"data: null\n\n"):
        assert ResponsesStream(answer_context()).feed(junk) == b""


def test_an_answer_that_is_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.ingress.openai_responses.answer.MAX_CHARS", 2)
    with pytest.raises(ResponseTooLargeError):
        after(CHUNK)


def test_the_oracle_rejects_an_event_with_a_member_that_the_sdk_does_not_know() -> None:
    stream = after(CHUNK).end()
    with pytest.raises(AssertionError):
        checked_events(stream)  # its numbers do not begin at 0
    with pytest.raises(ValidationError):
        checked_events(translated(CHUNK, answer_context()).replace(b'"delta":', b'"odd":1,"delta":'))
