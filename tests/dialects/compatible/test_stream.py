from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.compatible import DIALECT
from proxy.sse import decode
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


def read(name: str, **changes: Any) -> tuple[bytes, Any]:
    context = response_context(**changes)
    return feed_all(DIALECT.stream_translator(context), [(STREAMS / f"{name}.sse").read_bytes()]), context.answer


def message(name: str) -> dict[str, Any]:
    whole = completion_of(_without_host_members(read(name)[0]))
    return {
        **whole["choices"][0]["message"],
        "finish": whole["choices"][0]["finish_reason"],
        "usage": whole.get("usage"),
    }


def calls(name: str) -> list[tuple[str, str, str]]:
    found = message(name)
    assert found["finish"] == "tool_calls"
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in found["tool_calls"]]


@pytest.mark.parametrize("file", golden_files(STREAMS, "*.sse"))
def test_streams_match_the_golden_files(file: Path) -> None:
    assert read(file.stem)[0] == file.with_suffix(".chunks").read_bytes()


@pytest.mark.parametrize("file", golden_files(STREAMS, "*.sse"))
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_single_bytes_and_other_line_endings_give_the_same_output(file: Path, ending: bytes) -> None:
    source = file.read_bytes().replace(b"\n", ending)
    assert (
        feed_all(DIALECT.stream_translator(response_context()), single_bytes(source))
        == file.with_suffix(".chunks").read_bytes()
    )


@given(st.data())
def test_the_output_does_not_depend_on_how_the_stream_is_cut(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    source = file.read_bytes().replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n"])))
    assert (
        feed_all(DIALECT.stream_translator(response_context()), data.draw(cuts(source)))
        == file.with_suffix(".chunks").read_bytes()
    )


def test_plain_chunks_are_byte_exact_but_for_the_provider() -> None:
    frame = b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m", "odd" : [ 1 ],' \
            b'"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}] }\n\n'  # fmt: skip
    assert DIALECT.stream_translator(response_context()).feed(frame).replace(b',"provider":"prov"', b"") == frame


@pytest.mark.parametrize("name", ["ollama_tool_calls", "no_ids_at_all", "llama_cpp_no_index"])
def test_parallel_calls_with_one_index_or_none_are_renumbered(name: str) -> None:  # G 2
    found = calls(name)
    assert len({id for id, _, _ in found}) == 2
    assert [json.loads(arguments) for _, _, arguments in found] == (
        [{"a": 1}, {}] if name == "llama_cpp_no_index" else [{"a": 1}, {"a": 2}]
    )


@pytest.mark.parametrize("name", ["repeated_id_and_name", "fresh_id_in_every_fragment"])
def test_ids_and_names_are_sent_once(name: str) -> None:  # G 7
    assert calls(name) == [("call_a", "f", '{"a":1}')]


def test_a_call_and_a_finish_in_one_chunk_are_sent_in_two() -> None:  # G 8
    events = events_of(read("groq_tool_call")[0])
    assert [choice["finish_reason"] for event in events[:-1] for choice in event["choices"]] == [
        None,
        None,
        "tool_calls",
    ]
    assert calls("groq_tool_call") == [("call_a", "f", '{"a":1}')]


def test_a_repeated_finish_reason_is_sent_once() -> None:  # G 9
    events = events_of(read("openrouter")[0])
    assert [c["finish_reason"] for e in events[:-1] for c in e["choices"] if c["finish_reason"]] == ["stop"]


def test_a_stop_after_tool_calls_is_tool_calls() -> None:  # G 10
    assert message("ollama_tool_calls")["finish"] == "tool_calls"


def test_a_call_without_arguments_gets_an_empty_object() -> None:  # G 5
    assert calls("call_without_arguments") == [("call_a", "f", "{}")]


def test_reasoning_is_sent_as_reasoning_content() -> None:  # G 52
    stream = _without_host_members(read("vllm_reasoning")[0])
    assert completion_of(stream)["reasoning_content"] == "hmm"


def test_comments_are_dropped() -> None:  # G 54
    stream, seen = read("openrouter")
    assert b"PROCESSING" not in stream and seen.dropped_events == 0 and seen.complete


def test_a_first_chunk_without_choices_is_passed() -> None:  # G 55
    first, second = events_of(read("azure_first_chunk")[0])[:2]
    assert first["choices"] == [] and first["prompt_filter_results"]
    assert second["choices"][0]["delta"]["role"] == "assistant"


def test_an_unknown_finish_reason_is_stop_with_the_providers_own_next_to_it() -> None:  # G 72
    last = events_of(read("unknown_finish")[0])[-2]["choices"][0]
    assert (last["finish_reason"], last["provider_finish_reason"]) == ("stop", "tired")


@pytest.mark.parametrize("name, code, message", [
    ("openrouter_error", "server_error", "Provider disconnected"),
    ("error_in_a_choice", "rate_limit_exceeded", "slow"),
    ("groq_error", "server_is_overloaded", "over capacity"),
    ("vllm_error", "server_error", "engine died"),
    ("vllm_abort", "server_error", "abort"),
])  # fmt: skip
def test_an_error_ends_the_stream_in_openais_envelope(name: str, code: str, message: str) -> None:
    stream, seen = read(name)
    error = events_of(stream)[-1]["error"]
    assert error["code"] == code and message in error["message"] and set(error) == {"message", "type", "param", "code"}
    assert seen.error and not seen.complete and not seen.done


@pytest.mark.parametrize("name", ["cut", "done_without_finish", "one_of_two_choices_cut"])
def test_without_a_finish_reason_the_answer_is_incomplete(name: str) -> None:
    stream, seen = read(name)
    assert b"[DONE]" not in stream and not seen.complete and not seen.done


def test_a_missing_done_is_added_after_a_finish_reason() -> None:
    stream, seen = read("no_done")
    assert stream.endswith(b"data: [DONE]\n\n") and seen.done and seen.complete


@pytest.mark.parametrize("name", ["plain", "vllm_usage_on_every_chunk", "groq_tool_call", "openrouter"])
@pytest.mark.parametrize("show", [True, False])
def test_requested_usage_is_sent_once_at_the_end(name: str, show: bool) -> None:
    stream, seen = read(name, show_usage=show)
    events = events_of(stream)
    assert [bool(event.get("usage")) for event in events[:-1]] == [False] * (len(events) - 2) + [show]
    assert seen.usage["total_tokens"] == 10


def test_events_other_than_chunks_are_dropped_and_counted() -> None:
    stream, seen = read("strangers")
    assert [event["choices"][0]["finish_reason"] for event in events_of(stream)[:-1]] == [None, "stop"]
    assert seen.dropped_events == 3


def test_each_choice_has_its_own_finish_reason() -> None:
    choices = completion_of(read("two_choices")[0])["choices"]
    assert [(c["message"]["content"], c["finish_reason"]) for c in choices] == [("a", "stop"), ("bc", "stop")]


def test_text_next_to_a_finish_reason_is_sent_before_it() -> None:
    assert (message("text_and_finish_in_one")["content"], message("text_and_finish_in_one")["finish"]) == ("a", "stop")


@pytest.mark.parametrize("name", [p.stem for p in FILES if p.stem not in {"unknown_finish", "azure_first_chunk"}])
def test_the_sdk_reads_every_stream(name: str) -> None:
    context = response_context()
    stream = feed_all(DIALECT.stream_translator(context), [(STREAMS / f"{name}.sse").read_bytes()])
    if context.answer.complete:
        assert (
            completion_of(_without_host_members(stream))["choices"][0]["finish_reason"] == context.answer.finish_reason
        )


def sent(*choices: dict[str, Any], show_usage: bool = False) -> tuple[list[Any], Any]:
    """Return the events for a host's chunks with these choices, and what was recorded."""
    context = response_context(show_usage=show_usage)
    common = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [json.dumps({**common, "choices": [{"index": 0, **choice}]}).encode() for choice in choices]
    source = [b"data: " + chunk + b"\n\n" for chunk in [*chunks, b"[DONE]"]]
    return events_of(feed_all(DIALECT.stream_translator(context), source)), context.answer


def test_what_follows_a_finish_reason_is_sent_before_it() -> None:
    call = {"index": 0, "id": "i", "function": {"name": "f", "arguments": "[]"}}
    events, seen = sent(
        {"delta": {"content": "a"}, "finish_reason": "stop"},
        {"delta": {"content": "b"}, "finish_reason": None},
        {"delta": {"tool_calls": [call]}, "finish_reason": "stop"},
        {"delta": {}, "finish_reason": "stop"},
    )
    choices = [event["choices"][0] for event in events[:-1]]
    assert [choice["delta"].get("content") for choice in choices] == ["a", "b", None, None]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "tool_calls"]
    assert choices[2]["delta"]["tool_calls"][0]["function"] == {"name": "f", "arguments": "[]"}
    assert events[-1] == "[DONE]" and seen.complete and seen.finish_reason == "tool_calls"


@pytest.mark.parametrize("delta", [
    {"content": "a", "tool_calls": []}, {"content": "a", "tool_calls": None, "function_call": None, "refusal": None},
])  # fmt: skip
def test_a_text_has_no_list_of_calls(delta: dict[str, Any]) -> None:
    events, _ = sent({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": "stop"})
    assert events[0]["choices"][0]["delta"].get("tool_calls") is None
    assert events[0]["choices"][0]["delta"]["content"] == "a"


def test_a_name_in_pieces_is_sent_whole() -> None:
    pieces = [{"id": "k", "type": "function", "function": {"name": "get_", "arguments": ""}},
              {"function": {"name": "weather"}}, {"function": {"arguments": "{}"}}]  # fmt: skip
    events, _ = sent(
        *[{"delta": {"tool_calls": [{"index": 0, **piece}]}, "finish_reason": None} for piece in pieces],
        {"delta": {}, "finish_reason": "tool_calls"},
    )
    calls = [call for event in events[:-1] for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [(call["id"], call["function"]) for call in calls] == [("k", {"name": "get_weather", "arguments": "{}"})]


def test_a_usage_of_zeros_at_the_end_does_not_replace_an_earlier_one() -> None:
    context = response_context()
    usages = [{"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, None, dict.fromkeys(COUNTS, 0)]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
        for usage in usages
    ]
    source = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    events = events_of(feed_all(DIALECT.stream_translator(context), source))
    assert events[-2]["usage"] == context.answer.usage == usages[0]


COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
HOST_MEMBERS = {"native_finish_reason", "stop_reason", "timings", "queue_time"}


def _without_host_members(stream: bytes) -> bytes:
    """Remove the members that hosts add, which the strict reader rejects; `reasoning` only where it is null."""
    frames = []
    for event in events_of(stream):
        if isinstance(event, dict):
            for holder in (event, *event["choices"], event.get("usage") or {}):
                for key in HOST_MEMBERS & holder.keys():
                    del holder[key]
            for choice in event["choices"]:
                assert choice["delta"].pop("reasoning", None) is None
        frames.append(b"data: " + (event if isinstance(event, str) else json.dumps(event)).encode() + b"\n\n")
    return b"".join(frames)


@pytest.mark.parametrize("data, content", [
    (b'{"choices":[{"delta":{"role":"assistant","content":""}}]}', False),
    (b'{"choices":[{"delta":{"reasoning":"a"}}]}', True),
    (b'{"choices":[{"delta":{"content":[{"type":"text","text":"a"}]}}]}', True),
    (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', True),
    (b'{"choices":[]}', False), (b'{"choices":7}', False), (b'{"choices":[{"delta":"a"}]}', False), (b"<", False),
    (b"[DONE]", True), (b'{"object":"error","message":"no"}', True), (b'{"x_groq":{"error":"no"},"choices":[]}', True),
    (b'{"choices":[{"delta":{},"error":{"message":"no"}}]}', True), (b'{"error":"no"}', True),
])  # fmt: skip
def test_text_reasoning_finish_reasons_and_errors_are_content(data: bytes, content: bool) -> None:
    assert DIALECT.has_content(decode(b"data: " + data + b"\n\n")) is content
