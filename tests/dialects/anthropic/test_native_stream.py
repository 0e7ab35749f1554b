"""A stream passes byte for byte to a caller of the Messages API, and is observed: usage, finish, errors, completeness."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis.strategies import data as draws

from proxy.dialects.anthropic import DIALECT
from proxy.dialects.contract import ResponseContext
from proxy.dialects.lenient_json import to_utf8
from proxy.sse import decode, split_frames
from tests.dialects.anthropic.golden import HERE
from tests.dialects.oracles import cuts, feed_all, golden_files, response_context, single_bytes

FILES = golden_files(HERE / "streams", "*.in.sse")
TEXT = (HERE / "streams" / "text.in.sse").read_bytes()


def native(data: bytes | list[bytes]) -> tuple[bytes, ResponseContext]:
    context = response_context(endpoint="messages")
    return feed_all(DIALECT.stream_translator(context), data if isinstance(data, list) else [data]), context


def translated(data: bytes) -> ResponseContext:
    context = response_context()
    feed_all(DIALECT.stream_translator(context), [data])
    return context


def event(kind: str, **members: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))


@pytest.mark.parametrize("file", FILES)
def test_a_stream_passes_up_to_its_end_and_is_observed_as_a_translated_one(file: Path) -> None:
    data, context = file.read_bytes(), translated(file.read_bytes())
    output, own = native(data)
    assert set(split_frames(output)) <= {to_utf8(frame) for frame in split_frames(data + b"\n\n")}
    for name in ("finish_reason", "usage", "done", "error"):
        assert getattr(own.answer, name) == getattr(context.answer, name), name
    assert (b"message_stop" in output) == own.answer.done


def test_a_complete_stream_passes_whole() -> None:
    assert native(TEXT)[0] == TEXT


@pytest.mark.parametrize("file", FILES)
def test_single_bytes_make_no_difference(file: Path) -> None:
    data = file.read_bytes()
    assert native(single_bytes(data))[0] == native(data)[0]


@pytest.mark.parametrize("file", FILES)
@given(drawn=draws())
def test_no_cut_makes_a_difference(file: Path, drawn: object) -> None:
    data = file.read_bytes()
    assert native(drawn.draw(cuts(data)))[0] == native(data)[0]  # type: ignore[attr-defined]


def test_what_the_sidecar_does_not_know_passes_too() -> None:
    citation = event("content_block_delta", index=0, delta={"type": "citations_delta", "citation": {"x": 1}})
    hosted = event("content_block_start", index=1, content_block={"type": "server_tool_use", "id": "s", "input": {}})
    odd = b": comment\n\n" + event("ping") + event("new_event", x=1) + b"event: x\n\n" + citation + hosted
    head, tail = TEXT.split(b"event: message_delta", 1)
    data = head + odd + b"event: message_delta" + tail
    assert native(data)[0] == data


def test_a_stop_without_a_reason_is_not_passed() -> None:
    data = event("message_start", message={"id": "msg_1", "model": "m"}) + event("message_stop")
    output, context = native(data)
    assert b"message_stop" not in output and not context.answer.complete


def test_an_error_event_passes_and_ends_the_stream() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    output, context = native(event("message_start", message={}) + error + event("message_stop"))
    assert output.endswith(error) and context.answer.error and not context.answer.complete


def test_an_error_in_an_event_of_no_known_type_is_one() -> None:
    assert native(event("odd", error={"message": "no"}))[1].answer.error


def test_an_event_over_the_limit_ends_the_stream_in_anthropics_words() -> None:
    output, context = native([TEXT[:-2], b"x" * (8 * 1024 * 1024 + 1)])
    last = decode(split_frames(output)[-1])
    assert last.name == "error" and context.answer.error
    error = orjson.loads(last.data or b"")
    assert (
        error["type"] == "error"
        and error["error"]["type"] == "api_error"
        and "event is over" in error["error"]["message"]
    )


def test_another_target_does_not_continue_it() -> None:
    _, context = native(TEXT.partition(b"event: message_delta")[0])
    assert context.answer.length and not context.answer.text_only
