from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.mistral import DIALECT
from tests.dialects.oracles import (
    completion_of,
    cuts,
    events_of,
    feed_all,
    golden_files,
    response_context,
    single_bytes,
)

STREAMS = Path(__file__).parent / "streams"
FILES = sorted(STREAMS.glob("*.sse"))
WHOLE = [file.stem for file in FILES if file.stem not in {"cut", "finish_error", "model_length"}]


def read(name: str, **changes: Any) -> tuple[bytes, Any]:
    context = response_context(**changes)
    return feed_all(DIALECT.stream_translator(context), [(STREAMS / f"{name}.sse").read_bytes()]), context.answer


def calls(name: str, **changes: Any) -> list[tuple[str, str, str]]:
    choice = completion_of(read(name, **changes)[0])["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    return [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"]["tool_calls"]
    ]


@pytest.mark.parametrize("file", golden_files(STREAMS, "*.sse"))
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_streams_match_the_golden_files(file: Path, ending: bytes) -> None:
    source, chunks = file.read_bytes().replace(b"\n", ending), file.with_suffix(".chunks").read_bytes()
    assert feed_all(DIALECT.stream_translator(response_context()), [source]) == chunks
    assert feed_all(DIALECT.stream_translator(response_context()), single_bytes(source)) == chunks


@given(st.data())
def test_the_output_does_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    source = file.read_bytes().replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n"])))
    assert (
        feed_all(DIALECT.stream_translator(response_context()), data.draw(cuts(source)))
        == file.with_suffix(".chunks").read_bytes()
    )


@pytest.mark.parametrize("name", WHOLE)
def test_the_sdk_reads_every_stream(name: str) -> None:
    stream, seen = read(name)
    assert completion_of(stream)["choices"][0]["finish_reason"] == seen.finish_reason and seen.complete and seen.done


def test_parallel_calls_with_one_index_are_renumbered() -> None:  # G 2
    assert calls("parallel_calls_index_zero") == [("Dabc12345", "f", '{"a":1}'), ("Dabc12346", "f", '{"a":2}')]


def test_calls_have_the_callers_tool_names_and_arguments_as_text() -> None:  # G 2, 45, 69
    found = calls("parallel_calls_no_index", tool_names={"a_b": "a.b"})
    assert found == [("Dabc12345", "a.b", '{"a":1}'), ("Dabc12346", "g", "{}")]


def test_the_text_null_is_not_an_id() -> None:
    assert calls("null_ids") == [("Dabc12345", "f", '{"a":1}')]


def test_thinking_chunks_become_reasoning() -> None:  # G 44
    whole = completion_of(read("thinking")[0])
    assert (whole["reasoning_content"], whole["choices"][0]["message"]["content"]) == ("hmm", "yes")


def test_usage_next_to_the_finish_reason_gets_a_chunk_of_its_own() -> None:
    events = events_of(read("text")[0])
    assert events[-3]["choices"][0]["finish_reason"] == "stop" and events[-3]["usage"] is None
    assert events[-2]["choices"] == []
    assert events[-2]["usage"] == {"prompt_tokens": 7, "total_tokens": 10, "completion_tokens": 3}
    assert not any(event.get("usage") for event in events_of(read("text", show_usage=False)[0])[:-1])


def test_model_length_is_length() -> None:
    assert read("model_length")[1].finish_reason == "length"


def test_a_finish_reason_of_error_ends_the_stream_with_an_error() -> None:
    stream, seen = read("finish_error")
    assert events_of(stream)[-1]["error"]["type"] == "server_error" and seen.error and not seen.complete


def test_a_cut_stream_is_incomplete_without_done() -> None:
    stream, seen = read("cut")
    assert not seen.complete and b"[DONE]" not in stream
