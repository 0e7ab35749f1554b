"""Taking the splices out gives the host's bytes, however the stream was cut."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.events import has_content
from proxy.dialects.openai.stream import PassthroughStream
from proxy.messages import CompletionState
from proxy.sse import Event, decode
from tests.cuts import split_at

SPLICE = b',"provider":"openai"'
CHUNKS = (
    b'data: {"id":"1","choices":[{"delta":{"role":"assistant"}}]}',
    b'data:{"choices": [ {"delta":{"content":"}{"}} ] , "n": 1.50e0 }',
    '{"choices":[{"delta":{"content":"é\U0001f600"}}]}'.join(("data: ", "")).encode(),
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"model":"m-2024"}',
    b'event: message\ndata: {"choices":[],"usage":{"total_tokens":3}}',
    b'data: {"a":\ndata:  {"b":1}}',
    b"data: [1, 2]",
    b": ping",
    b"event: ping",
    b"",
)
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'
JUNK = (b"data: {", b"data: oops", b"data: NaN", b"data:")
STREAMS = st.lists(st.tuples(st.sampled_from(CHUNKS + JUNK), st.sampled_from([b"\n", b"\r\n"])), max_size=10)


DONE = b"data: [DONE]"


def run(pieces: list[bytes], show_usage: bool = True) -> tuple[bytes, CompletionState]:
    reading = ResponseContext("openai", "m", "chatcmpl-1", 0, show_usage)
    stage = PassthroughStream(reading)
    return b"".join([*map(stage.feed, pieces), stage.end()]), reading.answer


def wire(frame: bytes, end: bytes) -> bytes:
    return frame.replace(b"\n", end) + end + end


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=8))
def test_without_its_splices_the_stream_is_the_hosts(frames: list[tuple[bytes, bytes]], places: list[int]) -> None:
    frames = [(FINISH, b"\n"), *frames, (DONE, b"\n")]
    host = b"".join(wire(*frame) for frame in frames)
    kept = b"".join(wire(*frame) for frame in frames if frame[0] not in JUNK)
    whole = run([host])
    assert whole[0].replace(SPLICE, b"") == kept
    assert whole[1].dropped_events == sum(frame in JUNK for frame, _ in frames)
    assert run(split_at(host, places)) == whole == run([bytes([byte]) for byte in host])


@pytest.mark.parametrize("frame", [b": ping\n\n", b'data: {"error":{"message":"x"}}\n\n',
                                   b"event: ping\n\n", b"data: [1]\r\n\r\n", b'data: "text"\n\n', b"\n\n"])  # fmt: skip
def test_what_is_no_chunk_passes_unchanged(frame: bytes) -> None:
    assert run([frame])[0] == frame


@pytest.mark.parametrize(
    ("frame", "out"),
    [
        (b'data: {"a":1}\n\n', b'data: {"a":1,"provider":"openai"}\n\n'),
        (b'data: {"a":{}}\r\n\r\n', b'data: {"a":{},"provider":"openai"}\r\n\r\n'),
        (b'data: {"a":1} \nid: 7\n\n', b'data: {"a":1,"provider":"openai"} \nid: 7\n\n'),
        (b"data: {}\n\n", b'data: {"provider":"openai"}\n\n'),
    ],
)
def test_a_chunk_says_who_served_it(frame: bytes, out: bytes) -> None:
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
def test_a_usage_frame_is_for_those_who_asked(show: bool, frame: bytes, shown: bool) -> None:
    out, _ = run([frame], show_usage=show)
    assert bool(out) is shown


IMAGE = b'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"aa","usage":{"input_tokens":1}}\n\n'


def test_the_last_event_of_a_streamed_image_passes_though_nobody_asked_for_its_usage() -> None:
    out, seen = run([IMAGE], show_usage=False)
    assert out.replace(SPLICE, b"") == IMAGE and seen.complete and seen.usage is not None


HALVES = b'data: {"choices":[{"index":0,"delta":{"content":"there \\ud83d"}}]}\n\n' \
         b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00 friend"}}]}\n\n' \
         b'data: {"choices":[{"index":0,"delta":{"content":"x","n":NaN,"m":1e999}}]}\n\n'  # fmt: skip


def test_a_chunk_with_half_a_character_passes_as_it_came_wherever_the_stream_is_cut() -> None:
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
def test_only_what_is_not_utf_8_is_replaced(frame: bytes, out: str) -> None:
    passed, seen = run([frame])
    assert passed.replace(SPLICE, b"").decode() == out and seen.dropped_events == 0


def test_usage_is_noted_even_where_it_is_hidden() -> None:
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
def test_what_passed_is_noted(stream: bytes, seen: CompletionState, complete: bool) -> None:
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
def test_a_last_event_may_lack_its_blank_line_but_not_its_end(rest: bytes, out: bytes) -> None:
    finish = run([FINISH + b"\n\n"])[0]
    assert run([FINISH + b"\n\n", rest])[0] == finish + out


def test_done_does_not_pass_where_no_finish_reason_was_seen() -> None:
    passed, seen = run([b"data: [DONE]\n\n"])
    assert (passed, seen.done, seen.complete) == (b"", True, False)


@pytest.mark.parametrize("end", [b'data: {"error":{"message":"x"}}\n\n', FINISH + b"\n\ndata: [DONE]\n\n"])
def test_nothing_passes_after_the_end(end: bytes) -> None:
    assert run([end + b'data: {"choices":[]}\n\n: ping\n\n'])[0] == run([end])[0]


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (None, False),
        (b"", False),
        (b"oops", False),
        (b"[1]", False),
        (b"{}", False),
        (b'{"choices":[]}', False),
        (b'{"choices":[],"usage":{"total_tokens":3}}', False),
        (b'{"choices":[{"delta":{"role":"assistant"}}]}', False),
        (b'{"choices":[{"delta":{"role":"assistant","content":""}}]}', False),
        (b'{"choices":[{"delta":{"content":null,"tool_calls":[]}}]}', False),
        (b'{"choices":[{"delta":null}]}', False),
        (b'{"choices":[{"delta":"text"}]}', False),
        (b'{"choices":[null, 3]}', False),
        (b'{"choices":5}', False),
        (b'{"choices":[{"delta":{"content":"a"}}]}', True),
        (b'{"choices":[{"delta":{"content":" "}}]}', True),
        (b'{"choices":[{"delta":{"role":"assistant"}},{"delta":{"content":"b"}}]}', True),
        (b'{"choices":[{"delta":{"reasoning_content":"a"}}]}', True),
        (b'{"choices":[{"delta":{"reasoning":"a"}}]}', True),
        (b'{"choices":[{"delta":{"refusal":"a"}}]}', True),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', True),
        (b'{"choices":[{"delta":{"function_call":{"name":"f"}}}]}', True),
        (b'{"choices":[{"delta":{"audio":{"id":"a"}}}]}', True),
        (b'{"choices":[{"delta":{"images":[{}]}}]}', True),
        (b'{"choices":[{"text":"a"}]}', True),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', True),
        (b'{"error":{"message":"x"}}', True),
        (b"[DONE]", False),
    ],
)
def test_an_answer_begins_with_its_first_content(data: bytes | None, content: bool) -> None:
    assert has_content(Event("", data)) is content


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
def test_an_answer_is_complete_when_each_of_its_choices_has_ended(seen: list[bytes], complete: bool) -> None:
    assert run(seen)[1].complete is complete


TOLD = tuple(
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
def test_typed_events_pass_with_nothing_but_their_provider_added(places: list[int]) -> None:
    out, seen = run(split_at(b"".join(TOLD), places))
    assert out.replace(SPLICE, b"") == b"".join(TOLD)
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    assert seen == CompletionState("m-1", "stop", usage, done=True, text_only=False)


def test_typed_events_without_their_last_are_not_an_answer() -> None:
    assert not run(list(TOLD[:2]))[1].complete


def test_a_typed_failure_passes_as_it_came_and_is_no_answer() -> None:
    frame = b'event: error\ndata: {"type":"error","message":"broke","code":"server_error"}\n\n'
    out, seen = run([frame, TOLD[1]])
    assert out.replace(SPLICE, b"") == frame and seen.error and not seen.complete


@pytest.mark.parametrize(("frame", "does"), [(TOLD[0], False), (TOLD[1], True), (TOLD[2], True)])
def test_content_of_typed_events_begins_the_answer(frame: bytes, does: bool) -> None:
    assert has_content(decode(frame)) is does
