"""A stream passes byte for byte to a caller of Gemini's API, and is observed: usage, finish, errors, completeness."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis.strategies import data as draws

from proxy.dialects.contract import ResponseContext
from proxy.dialects.google import DIALECT
from tests.dialects.oracles import cuts, feed_all, golden_files, response_context, single_bytes

FILES = golden_files(Path(__file__).parent / "streams", "*.google.sse")
TEXT = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "Yes"}]}}], "modelVersion": "v", "responseId": "r"}\r\n\r\n'
)
END = b'data: {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}}\r\n\r\n'


def native(data: bytes | list[bytes]) -> tuple[bytes, ResponseContext]:
    context = response_context(endpoint="generate_content")
    return feed_all(DIALECT.stream_translator(context), data if isinstance(data, list) else [data]), context


@pytest.mark.parametrize("file", FILES)
def test_a_stream_is_observed_as_a_translated_one(file: Path) -> None:
    translated = response_context()
    feed_all(DIALECT.stream_translator(translated), [file.read_bytes()])
    _, own = native(file.read_bytes())
    for name in ("usage", "error", "complete", "dropped_events"):
        assert getattr(own.answer, name) == getattr(translated.answer, name), name


@pytest.mark.parametrize("file", FILES)
def test_single_bytes_make_no_difference(file: Path) -> None:
    assert native(single_bytes(file.read_bytes()))[0] == native(file.read_bytes())[0]


@pytest.mark.parametrize("file", FILES)
@given(drawn=draws())
def test_no_cut_makes_a_difference(file: Path, drawn: object) -> None:
    data = file.read_bytes()
    assert native(drawn.draw(cuts(data)))[0] == native(data)[0]  # type: ignore[attr-defined]


def test_what_the_sidecar_does_not_know_passes_too_and_comments_do_not() -> None:
    odd = b'data: {"new": [1, 2.50]}\n\n'
    output, context = native(TEXT + b": ping\r\n\r\n" + odd + END)
    assert output == TEXT + odd + END
    state = context.answer
    assert (state.id, state.model, state.finish_reason, state.length) == ("r", "v", "stop", 3)
    assert state.complete and state.ends_with_connection and not state.text_only


@pytest.mark.parametrize("cut", [len(TEXT), len(TEXT) + 10])
def test_a_cut_stream_is_not_complete(cut: int) -> None:
    output, context = native((TEXT + END)[:cut])
    assert output == TEXT and not context.answer.complete


def test_the_last_event_may_lack_its_blank_line() -> None:
    output, context = native(TEXT + END.rstrip())
    assert output == TEXT + END.rstrip() + b"\n\n" and context.answer.complete


def test_an_error_ends_the_stream() -> None:
    error = b'data: {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}\n\n'
    output, context = native(TEXT + error + END)
    assert output == TEXT + error and context.answer.error


def test_a_failed_generation_is_an_error_in_googles_words() -> None:
    output, context = native(TEXT + b'data: {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}\n\n' + END)
    error = orjson.loads(output.removeprefix(TEXT).removeprefix(b"data: "))["error"]
    assert error["code"] == 502 and "MALFORMED_FUNCTION_CALL" in error["message"] and context.answer.error
