"""Which truncated responses can be resumed, with which request, and how the continuation is joined to them."""

from __future__ import annotations

import orjson
import pytest

from proxy.messages import MAX_KEPT_TEXT, CompletionState
from proxy.resilience.resume import Prefix, ResumedStream, continuation_members
from proxy.resilience.resume_dedup import ResumeMismatchError
from proxy.sse import decode
from tests.fakes import chunk_event

BODY = {"messages": [{"role": "user", "content": "hi"}]}


def test_a_long_text_is_not_kept_for_a_resume():
    long = CompletionState()
    long.append_text("x" * (MAX_KEPT_TEXT + 1))
    assert not long.text_only and long.text == []


@pytest.mark.parametrize(
    ("text", "prefix"), [("a b", ("a b", "")), ("a b \n", ("a b", " \n")), ("", ("", "")), (" ", ("", " "))]
)
def test_white_space_at_the_end_is_split_from_the_prefix(text, prefix):
    made = Prefix.from_text(text)
    assert (made.text, made.trailing_space) == prefix


@pytest.mark.parametrize(("limit", "left"), [(1000, 975), (30, 16), (None, None)])
def test_the_continuation_gets_the_rest_of_the_token_limit(limit, left):
    changes = continuation_members({**BODY, "max_tokens": limit}, Prefix("word" * 25, ""))
    assert changes["messages"] == [*BODY["messages"], {"role": "assistant", "content": "word" * 25}]
    assert changes.get("max_tokens") == left


def test_without_sent_text_the_messages_stay():
    assert continuation_members({**BODY, "max_completion_tokens": 50}, Prefix("", " ")) == {"max_completion_tokens": 50}


def choices_of(frames):
    chunks = [orjson.loads(decode(frame).data) for frame in frames if frame and b"[DONE]" not in frame]
    return [
        (one["id"], choice["delta"].get("content"), choice["finish_reason"])
        for one in chunks
        for choice in one["choices"]
    ]


def test_a_replay_passes_only_new_text_under_the_old_id():
    resumed = ResumedStream.from_prefix(Prefix.from_text("one two "), "old", prefilled=False)
    role = chunk_event().replace(b'"delta":{}', b'"delta":{"role":"assistant","content":""}')
    frames = [
        role,
        b": ping\n\n",
        chunk_event("one "),
        chunk_event("two thr"),
        chunk_event("ee"),
        chunk_event(finish="stop"),
        b"data: [DONE]\n\n",
    ]
    got = [resumed.transform_frame(frame) for frame in frames]
    assert got[1] == b": ping\n\n" and got[-1] == b"data: [DONE]\n\n"
    assert choices_of(got[2:]) == [("old", "thr", None), ("old", "ee", None), ("old", None, "stop")]
    assert got[0] == b""


@pytest.mark.parametrize("delta", [b'"delta":{}', b'"delta":null', b'"delta":{"content":""}'])
def test_text_that_was_held_back_is_sent_with_the_finish(delta):
    resumed = ResumedStream.from_prefix(Prefix.from_text("one two three four five"), None, prefilled=True)
    assert resumed.transform_frame(chunk_event("one", id="new")) == b""
    last = resumed.transform_frame(chunk_event(finish="stop", id="new").replace(b'"delta":{}', delta))
    assert choices_of([last]) == [("new", "one", "stop")]


@pytest.mark.parametrize(
    "member", [b'"choices":[5]', b'"choices":7', b'"choices":[{"delta":"a"}]', b'"choices":[{"delta":{"content":7}}]']
)
def test_chunks_of_an_invalid_shape_count_as_without_text(member):
    resumed = ResumedStream.from_prefix(Prefix.from_text("one"), None, prefilled=False)
    resumed.transform_frame(b"data: {" + member + b"}\n\n")
    assert resumed.matcher.expected == "one"


def test_a_prefilled_continuation_passes_at_once():
    resumed = ResumedStream.from_prefix(Prefix.from_text("one two "), None, prefilled=True)
    frame = resumed.transform_frame(chunk_event(" three", id="new"))
    assert choices_of([frame]) == [("new", "three", None)]


@pytest.mark.parametrize(("length", "passed"), [(19, "x" * 19 + " on"), (20, " on")])
def test_only_a_prefix_of_20_characters_is_removed_when_a_prefilled_continuation_repeats_it(length, passed):
    resumed = ResumedStream.from_prefix(Prefix.from_text("x" * length), None, prefilled=True)
    frame = resumed.transform_frame(chunk_event("x" * length + " on", "stop", id="new"))
    assert choices_of([frame]) == [("new", passed, "stop")]


@pytest.mark.parametrize("frame", [chunk_event("other"), chunk_event(finish="stop"), chunk_event("one", "stop")])
def test_a_different_response_is_a_mismatch(frame):
    with pytest.raises(ResumeMismatchError):
        ResumedStream.from_prefix(Prefix.from_text("one two"), "old", prefilled=False).transform_frame(frame)


def test_usage_and_events_that_are_not_objects_pass():
    resumed = ResumedStream.from_prefix(Prefix.from_text("one"), "old", prefilled=False)
    usage = resumed.transform_frame(b'data: {"id":"new","choices":[],"usage":{"prompt_tokens":1}}\n\n')
    assert orjson.loads(decode(usage).data) == {"id": "old", "choices": [], "usage": {"prompt_tokens": 1}}
    assert resumed.transform_frame(b"data: 1\n\n") == b"data: 1\n\n"
    assert resumed.transform_frame(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    far = resumed.transform_frame(b'data: {"choices":[],"x":1e999}\n\n')
    assert orjson.loads(decode(far).data) == {"id": "old", "choices": [], "x": None}


def test_a_split_surrogate_pair_is_matched_in_the_replay_and_joined_in_new_text():
    resumed = ResumedStream.from_prefix(Prefix.from_text("one \U0001f600 two"), "old", prefilled=False)
    frames = [b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % half
              for half in (b"one \\ud83d", b"\\ude00 two", b" three \\ud83d", b"\\ude00")]  # fmt: skip
    passed = [resumed.transform_frame(frame) for frame in frames]
    assert passed[:2] == [b"", b""]
    texts = [orjson.loads(decode(frame).data)["choices"][0]["delta"]["content"] for frame in passed[2:]]
    assert texts == [" three ", "\U0001f600"]


@pytest.mark.parametrize(
    ("text", "sent"), [("one \ud83d", "one"), ("\ud83d\ude00", "\U0001f600"), ("\ude00", "\ufffd")]
)
def test_half_a_surrogate_pair_at_the_end_is_left_to_the_continuation(text, sent):
    assert Prefix.from_text(text).text == sent
