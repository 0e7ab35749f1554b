"""An OpenAI stream passes through: without the spliced members it is the provider's bytes, wherever it is cut."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.events import has_content
from proxy.dialects.openai.stream import PassthroughStream
from proxy.messages import CompletionState
from proxy.sse import decode
from tests.cuts import split_at

SPLICE = b',"provider":"openai"'
CHUNKS = (
    b'data: {"id":"1","choices":[{"delta":{"role":"assistant"}}]}',
    b'data:{"choices": [ {"delta":{"content":"}{"}} ] , "n": 1.50e0 }',
    '{"choices":[{"delta":{"content":"é\U0001f600"}}]}'.join(("data: ", "")).encode(),
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"model":"m-2024"}',
    b'event: message\ndata: {"choices":[],"usage":{"total_tokens":3}}',
    b'data: {"a":\ndata:  {"b":1}}',
    b": ping",
    b"",
)
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'
JUNK = (b"data: {", b"data: oops", b"data: NaN", b"data:", b"data: [1, 2]", b"data: 5")
BARE = (b"event: ping", b"id: 7", b"retry: 3000", b": comment\nevent: ping", b"<html>")
STREAMS = st.lists(st.tuples(st.sampled_from(CHUNKS + JUNK + BARE), st.sampled_from([b"\n", b"\r\n"])), max_size=10)


DONE = b"data: [DONE]"


def run(pieces: list[bytes], show_usage: bool = True) -> tuple[bytes, CompletionState]:
    context = ResponseContext("openai", "m", "chatcmpl-1", 0, show_usage)
    stream = PassthroughStream(context)
    return b"".join([*map(stream.feed, pieces), stream.end()]), context.answer


def wire(frame: bytes, end: bytes) -> bytes:
    return frame.replace(b"\n", end) + end + end


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=8))
def test_without_the_spliced_members_the_stream_is_byte_exact(
    frames: list[tuple[bytes, bytes]], places: list[int]
) -> None:
    frames = [(FINISH, b"\n"), *frames, (DONE, b"\n")]
    host = b"".join(wire(*frame) for frame in frames)
    kept = b"".join(wire(*frame) for frame in frames if frame[0] not in JUNK + BARE)
    whole = run([host])
    assert whole[0].replace(SPLICE, b"") == kept
    assert whole[1].dropped_events == sum(frame in JUNK for frame, _ in frames)
    assert run(split_at(host, places)) == whole == run([bytes([byte]) for byte in host])


@pytest.mark.parametrize("frame", [b": ping\n\n", b'data: {"error":{"message":"x"}}\n\n',
                                   b": a\r\n: b\r\n\r\n", b"\n\n"])  # fmt: skip
def test_comments_and_errors_pass_unchanged(frame: bytes) -> None:
    assert run([frame])[0] == frame


@pytest.mark.parametrize("frame", [b"event: ping\n\n", b"id: 7\n\n", b"id\n\n", b"retry: 9\n\n", b"data: [1]\r\n\r\n",
                                   b'data: "text"\n\n', b"data: null\n\n", b"data: 5\n\n", b"data\n\n", b": a\nid: 7\n\n",
                                   b"a page\n\n"])  # fmt: skip
def test_what_no_client_expects_is_dropped(frame: bytes) -> None:
    assert run([frame])[0] == b""


@pytest.mark.parametrize(
    ("frame", "passes"),
    [
        (b'data: {"choices":[{"delta":{}}]}\n\n', True),
        (b'data: {"choices":[],"prompt_filter_results":[]}\n\n', True),
        (b'data: {"choices":null}\n\n', False),
        (b'data: {"choices":[null]}\n\n', False),
        (b'data: {"type":"response.created"}\n\n', False),
        (b'data: {"usage":{"total_tokens":3}}\n\n', False),
        (b"data: {}\n\n", False),
        (b'data: {"error":"x"}\n\n', True),
        (b'data: {"type":"error","message":"x"}\n\n', True),
        (b'data: {"type":["error"]}\n\n', False),
    ],
)
@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_a_chunk_of_a_chat_has_choices(endpoint: str, frame: bytes, passes: bool) -> None:
    context = ResponseContext("openai", "m", "chatcmpl-1", 0, endpoint=endpoint)
    assert bool(PassthroughStream(context).feed(frame)) is passes
    assert (context.answer.usage is not None) is (b"usage" in frame)


@pytest.mark.parametrize(
    ("frame", "out"),
    [
        (b'data: {"a":1}\n\n', b'data: {"a":1,"provider":"openai"}\n\n'),
        (b'data: {"a":{}}\r\n\r\n', b'data: {"a":{},"provider":"openai"}\r\n\r\n'),
        (b'data: {"a":1} \nid: 7\n\n', b'data: {"a":1,"provider":"openai"} \n\n'),
        (b"data: {}\n\n", b'data: {"provider":"openai"}\n\n'),
    ],
)
def test_a_chunk_names_the_provider(frame: bytes, out: bytes) -> None:
    assert run([frame])[0] == out


@pytest.mark.parametrize(
    ("show", "frame", "shown"),
    [
        (False, b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n', False),
        (True, b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n', True),
        (False, b'data: {"usage":{"total_tokens":3}}\n\n', False),
        (False, b'data: {"choices":[{"delta":{}}],"usage":{"total_tokens":3}}\n\n', True),
        (False, b'data: {"choices":[],"usage":null}\n\n', True),
    ],
)
def test_the_usage_chunk_is_sent_only_on_request(show: bool, frame: bytes, shown: bool) -> None:
    out, _ = run([frame], show_usage=show)
    assert bool(out) is shown


IMAGE = b'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"aa","usage":{"input_tokens":1}}\n\n'


def test_the_last_event_of_a_streamed_image_passes_though_it_contains_usage() -> None:
    out, seen = run([IMAGE], show_usage=False)
    assert out.replace(SPLICE, b"") == IMAGE and seen.complete and seen.usage is not None


HALVES = b'data: {"choices":[{"index":0,"delta":{"content":"there \\ud83d"}}]}\n\n' \
         b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00 friend"}}]}\n\n' \
         b'data: {"choices":[{"index":0,"delta":{"content":"x","n":NaN,"m":1e999}}]}\n\n'  # fmt: skip


def test_chunks_with_half_a_surrogate_pair_pass_unchanged_wherever_the_stream_is_cut() -> None:
    for place in range(len(HALVES)):
        out, seen = run([HALVES[:place], HALVES[place:]])
        assert out.replace(SPLICE, b"") == HALVES
        assert (seen.dropped_events, "".join(seen.text)) == (0, "there \ud83d\ude00 friendx")


@pytest.mark.parametrize(
    ("frame", "out"),
    [
        (
            b'data: {"choices":[{"delta":{"content":"a\xc3"}}]}\n\n',
            'data: {"choices":[{"delta":{"content":"a\ufffd"}}]}\n\n',
        ),
        (b": a\xc3\n\n", ": a\ufffd\n\n"),
        (
            'data: {"choices":[{"delta":{"content":"\u00e9"}}]}\n\n'.encode(),
            'data: {"choices":[{"delta":{"content":"\u00e9"}}]}\n\n',
        ),
    ],
)
def test_only_invalid_utf_8_is_replaced(frame: bytes, out: str) -> None:
    passed, seen = run([frame])
    assert passed.replace(SPLICE, b"").decode() == out and seen.dropped_events == 0


def test_hidden_usage_is_recorded() -> None:
    out, seen = run([b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n'], show_usage=False)
    assert (out, seen.usage, seen.dropped_events) == (b"", {"total_tokens": 3}, 0)


@pytest.mark.parametrize(
    ("stream", "seen", "complete"),
    [
        (b'data: {"model":"m-1","choices":[{"finish_reason":"length"}]}\n\n', CompletionState("m-1", "length"), True),
        (b"data: [DONE]\n\n", CompletionState(done=True), False),
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: {"error":{"message":"x"}}\n\n',
         CompletionState(finish_reason="stop", error=True), False),
        (b'data: {"choices":5,"usage":5,"model":5}\n\n', CompletionState(), False),
    ],
)  # fmt: skip
def test_what_passed_is_recorded(stream: bytes, seen: CompletionState, complete: bool) -> None:
    noted = run([stream])[1]
    assert (noted, noted.complete) == (seen, complete)


@pytest.mark.parametrize(
    ("rest", "out"),
    [
        (b"data: [DONE]", b"data: [DONE]\n\n"),
        (b"data: [DONE]\n", b"data: [DONE]\n\n"),
        (b'data: {"a":1}', b'data: {"a":1,"provider":"openai"}\n\n'),
        (b'data: {"a":1}\r\n', b'data: {"a":1,"provider":"openai"}\n\n'),
        (b'data: {"a":1}\r\r', b'data: {"a":1,"provider":"openai"}\n\n'),
        (b'data: {"a":', b""),
        (b"data: oops", b""),
        (b": ping", b""),
        (b"event: x", b""),
        (b"", b""),
    ],
)
def test_a_last_event_may_lack_its_blank_line_but_must_be_whole(rest: bytes, out: bytes) -> None:
    finish = run([FINISH + b"\n\n"])[0]
    assert run([FINISH + b"\n\n", rest])[0] == finish + out


def test_done_without_a_finish_reason_is_dropped() -> None:
    passed, seen = run([b"data: [DONE]\n\n"])
    assert (passed, seen.done, seen.complete) == (b"", True, False)


@pytest.mark.parametrize("end", [b'data: {"error":{"message":"x"}}\n\n', FINISH + b"\n\ndata: [DONE]\n\n"])
def test_nothing_passes_after_the_end(end: bytes) -> None:
    assert run([end + b'data: {"choices":[]}\n\n: ping\n\n'])[0] == run([end])[0]


def choice(index: int, finish: str | None) -> bytes:
    one = {"index": index, "delta": {"content": "x"}, "finish_reason": finish}
    return b"data: " + orjson.dumps({"choices": [one]}) + b"\n\n"


@pytest.mark.parametrize(
    ("seen", "complete"),
    [
        ([choice(0, "stop"), choice(1, None)], False),
        ([choice(0, None), choice(1, None), choice(0, "stop")], False),
        ([choice(0, None), choice(1, "stop"), choice(0, "stop")], True),
        ([choice(0, "stop"), choice(0, None)], True),
    ],
)
def test_an_answer_is_complete_when_each_of_its_choices_has_finished(seen: list[bytes], complete: bool) -> None:
    assert run(seen)[1].complete is complete


TYPED_EVENTS = tuple(
    b"event: %b\ndata: %b\n\n" % (kind, orjson.dumps({"type": kind.decode(), "sequence_number": number, **members}))
    for number, (kind, members) in enumerate(
        [
            (b"response.created", {"response": {"model": "m-1", "usage": None}}),
            (b"response.output_text.delta", {"delta": "Gr\u00fc\u00dfe"}),
            (
                b"response.completed",
                {"response": {"model": "m-1", "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}}},
            ),
        ]
    )
)
"""A stream of /responses."""


@given(st.lists(st.integers(min_value=0), max_size=8))
def test_typed_events_pass_with_only_the_provider_added(places: list[int]) -> None:
    out, seen = run(split_at(b"".join(TYPED_EVENTS), places))
    assert out.replace(SPLICE, b"") == b"".join(TYPED_EVENTS)
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    assert seen == CompletionState("m-1", "stop", usage, done=True, text_only=False)


def test_typed_events_without_the_last_one_are_incomplete() -> None:
    assert not run(list(TYPED_EVENTS[:2]))[1].complete


def test_a_typed_error_passes_unchanged_and_is_recorded() -> None:
    frame = b'event: error\ndata: {"type":"error","message":"broke","code":"server_error"}\n\n'
    out, seen = run([frame, TYPED_EVENTS[1]])
    assert out.replace(SPLICE, b"") == frame and seen.error and not seen.complete


@pytest.mark.parametrize(
    ("frame", "expected"), [(TYPED_EVENTS[0], False), (TYPED_EVENTS[1], True), (TYPED_EVENTS[2], True)]
)
def test_typed_events_with_content_are_detected(frame: bytes, expected: bool) -> None:
    assert has_content(decode(frame)) is expected


def test_a_host_that_counts_cache_hits_elsewhere_has_its_usage_corrected() -> None:
    usage = b'{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_cache_hit_tokens":6}'
    data = FINISH + b'\n\ndata: {"choices":[],"n": 1.50e0,"usage":' + usage + b"}\n\n" + DONE + b"\n\n"
    context = ResponseContext("deepseek", "m", "chatcmpl-1", 0, endpoint="chat")
    stream = PassthroughStream(context)
    translated = stream.feed(data) + stream.end()
    assert b'"prompt_tokens_details":{"cached_tokens":6}' in translated and b"1.50e0" in translated
    assert context.answer.usage and context.answer.usage["prompt_tokens_details"] == {"cached_tokens": 6}
