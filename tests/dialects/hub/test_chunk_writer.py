"""The OpenAI SDK reads what the writer writes."""

from __future__ import annotations

import pytest

from proxy.dialects.errors import error_response
from proxy.dialects.hub.chunk_writer import ChunkWriter, error_event
from proxy.dialects.hub.completion import build_tool_call, build_usage
from tests.dialects.oracles import completion_of, events_of, response_context


def test_the_sdk_assembles_the_stream_that_was_written() -> None:
    context = response_context(tool_names={"a_b": "a.b"})
    chunks = ChunkWriter(context)
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
    assert whole["choices"][0]["finish_reason"] == context.answer.finish_reason == "tool_calls"
    assert context.answer.usage == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert (context.answer.done, context.answer.complete, context.answer.model) == (True, True, "m")


@pytest.mark.parametrize("shown", [True, False])
def test_requested_usage_is_null_in_all_chunks_but_its_own(shown: bool) -> None:
    context = response_context(show_usage=shown)
    chunks = ChunkWriter(context)
    events = events_of(
        chunks.start() + chunks.refusal_delta("no") + chunks.finish("stop") + chunks.usage_chunk(build_usage(1, 2))
    )
    assert [event.get("usage", "absent") for event in events] == (
        [None, None, None, {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}] if shown else ["absent"] * 3
    )
    assert context.answer.usage is not None


def test_an_error_event_has_openais_envelope_and_makes_the_answer_incomplete() -> None:
    context = response_context()
    context.answer.finish_reason = "stop"
    assert events_of(error_event(error_response(529, {}, "busy"), context)) == [
        {"error": {"message": "busy", "type": "server_error", "param": None, "code": "server_is_overloaded"}}
    ]
    assert not context.answer.complete


def test_complete_tool_calls_images_and_unknown_finish_reasons_have_chunks() -> None:
    context = response_context(tool_names={"f_": "f!"})
    chunks = ChunkWriter(context)
    call = build_tool_call("call_1", "f_", '{"a":1}', context.tool_names) | {
        "extra_content": {"google": {"thought_signature": "c2ln"}}
    }
    stream = (
        chunks.start() + chunks.complete_tool_call(0, call) + chunks.delta("images", []) + chunks.finish("stop", "ODD")
    )
    assert events_of(stream)[1]["choices"][0]["delta"] == {"tool_calls": [{"index": 0, **call}]}
    assert events_of(stream)[-1]["choices"][0]["provider_finish_reason"] == "ODD"
    assert completion_of(stream)["choices"][0]["finish_reason"] == "tool_calls"
