"""What is written must be what the OpenAI SDK reads."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.errors import error_response
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call, build_usage
from tests.dialects.oracles import completion_of, events_of, response_context, validate_completion


def test_a_stream_is_put_together_by_the_sdk_as_it_was_written() -> None:
    seen = response_context(tool_names={"a_b": "a.b"})
    chunks = ChunkWriter(seen)
    stream = (
        chunks.start("msg_1", "m")
        + chunks.reasoning_delta("hm")
        + chunks.text_delta('say "é\n')
        + chunks.text_delta("x")
    )
    stream += (
        chunks.tool_call_start(0, "t", "a_b") + chunks.arguments_delta(0, '{"a"') + chunks.arguments_delta(0, ":1}")
    )
    stream += chunks.finish("stop") + chunks.usage_chunk(build_usage(1, 2)) + chunks.done()
    whole = completion_of(stream)
    message = whole["choices"][0]["message"]
    assert (whole["id"], whole["model"], whole["reasoning_content"]) == ("msg_1", "m", "hm")
    assert message["content"] == 'say "é\nx'
    function = message["tool_calls"][0]["function"]
    assert (function["name"], function["arguments"]) == ("a.b", '{"a":1}')
    assert whole["choices"][0]["finish_reason"] == seen.answer.finish_reason == "tool_calls"
    assert seen.answer.usage == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert (seen.answer.done, seen.answer.complete, seen.answer.model) == (True, True, "m")


@pytest.mark.parametrize("shown", [True, False])
def test_usage_is_a_chunk_of_its_own_and_null_before_if_it_was_asked_for(shown: bool) -> None:
    seen = response_context(show_usage=shown)
    chunks = ChunkWriter(seen)
    events = events_of(
        chunks.start() + chunks.refusal_delta("no") + chunks.finish("stop") + chunks.usage_chunk(build_usage(1, 2))
    )
    assert [event.get("usage", "absent") for event in events] == (
        [None, None, None, {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}] if shown else ["absent"] * 3
    )
    assert seen.answer.usage is not None


def test_an_error_in_a_stream_is_openais_envelope_and_makes_it_incomplete() -> None:
    seen = response_context()
    seen.answer.finish_reason = "stop"
    assert events_of(error_event(error_response(529, {}, "busy"), seen)) == [
        {"error": {"message": "busy", "type": "server_error", "param": None, "code": "server_is_overloaded"}}
    ]
    assert not seen.answer.complete


@pytest.mark.parametrize("message, reason, said", [
    ({"content": "x"}, "stop", "stop"),
    ({"content": None, "tool_calls": []}, "length", "length"),
    ({"tool_calls": [build_tool_call("1", "a_b", "{}", {"a_b": "a.b"})]}, "stop", "tool_calls"),
    ({"refusal": "no", "reasoning_content": None}, "content_filter", "content_filter"),
])  # fmt: skip
def test_a_whole_answer_is_what_the_sdk_expects(message: dict[str, Any], reason: str, said: str) -> None:
    seen = response_context()
    counts = build_usage(1, 2, {"cached_tokens": 1, "cache_write_tokens": None}, {"reasoning_tokens": None})
    body = validate_completion(
        build_completion({"choices": [build_choice(message, reason)], "usage": counts, "id": None}, seen)
    )
    assert body["choices"][0]["finish_reason"] == seen.answer.finish_reason == said
    assert body["id"] == "chatcmpl-1"
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}
    assert "completion_tokens_details" not in body["usage"]
    assert ("tool_calls" in body["choices"][0]["message"]) == bool(message.get("tool_calls"))


def test_a_whole_call_an_image_and_an_odd_reason_have_their_chunks() -> None:
    seen = response_context(tool_names={"f_": "f!"})
    chunks = ChunkWriter(seen)
    call = build_tool_call("call_1", "f_", '{"a":1}', seen.tool_names) | {
        "extra_content": {"google": {"thought_signature": "c2ln"}}
    }
    stream = (
        chunks.start() + chunks.complete_tool_call(0, call) + chunks.delta("images", []) + chunks.finish("stop", "ODD")
    )
    assert events_of(stream)[1]["choices"][0]["delta"] == {"tool_calls": [{"index": 0, **call}]}
    assert events_of(stream)[-1]["choices"][0]["provider_finish_reason"] == "ODD"
    assert completion_of(stream)["choices"][0]["finish_reason"] == "tool_calls"
