"""A frame that cannot be translated ends the stream with an error event; the frames before it are sent."""

from __future__ import annotations

import orjson
import pytest

from proxy.dialects.frame_transform import FrameTransform
from proxy.errors import MalformedResponse
from proxy.messages import CompletionState
from proxy.sse import Framer, data_of
from tests.dialects.oracles import events_of, feed_all, response_context, single_bytes

SECRET = "canary-of-the-answer"
CODE = MalformedResponse.code


class UpperCase(FrameTransform):
    """Writes frames in capitals; raises for the frame "fail"."""

    def _translate_frame(self, frame: bytes) -> bytes:
        data = orjson.loads(data_of(frame) or b"")
        if data == "done":
            self._context.answer.done = True
        if data == "error":
            self._context.answer.error = True
        return b"data: %b\n\n" % orjson.dumps({"a": data.upper(), SECRET: {}[SECRET] if data == "fail" else 1})

    def _translate_end(self, rest: bytes) -> bytes:
        return self._translate_frame(rest) if rest else b""


def run(*pieces: bytes) -> tuple[list[str], CompletionState]:
    context = response_context()
    events = events_of(feed_all(UpperCase(context), list(pieces)))
    return [event["a"] if "a" in event else event["error"]["code"] for event in events], context.answer


def sse(*words: str) -> bytes:
    return b"".join(b"data: %b\n\n" % orjson.dumps(word) for word in words)


@pytest.mark.parametrize(
    ("words", "got"),
    [
        (["a", "b"], ["A", "B"]),
        (["a", "fail", "b"], ["A", CODE]),
        (["fail"], [CODE]),
        (["a", "done", "b", "fail"], ["A", "DONE"]),
        (["a", "error", "b", "fail"], ["A", "ERROR"]),
    ],
)
def test_nothing_is_sent_after_the_end_or_an_error_wherever_the_stream_is_cut(words: list[str], got: list[str]) -> None:
    data = sse(*words)
    assert run(data)[0] == run(*single_bytes(data))[0] == run(data.rstrip())[0] == got
    for place in range(len(data)):
        assert run(data[:place], data[place:])[0] == got


def test_after_an_exception_the_answer_cannot_be_resumed() -> None:
    _, state = run(sse("a", "fail"))
    assert (state.error, state.text_only, state.complete) == (True, False, False)


def test_an_unexpected_exception_is_reported_and_its_text_does_not_reach_the_caller() -> None:
    reported: list[Exception] = []

    def report(error: Exception) -> MalformedResponse:
        reported.append(error)
        return MalformedResponse("it failed")

    transform = UpperCase(response_context(on_exception=report))
    data = transform.feed(sse("fail"))
    assert SECRET.encode() not in data and [type(error) for error in reported] == [KeyError]
    assert SECRET.encode() not in UpperCase(response_context()).feed(sse("fail"))


def test_the_events_before_an_oversized_one_are_sent() -> None:
    data = sse("a", "b") + b"data: " + b"x" * 40
    for place in range(len(data)):
        transform = UpperCase(response_context())
        transform._framer = Framer(max_event_bytes=30)
        events = events_of(feed_all(transform, [data[:place], data[place:]]))
        assert [event.get("a") for event in events[:2]] == ["A", "B"]
        assert "an event is over 30 bytes" in events[2]["error"]["message"] and len(events) == 3
