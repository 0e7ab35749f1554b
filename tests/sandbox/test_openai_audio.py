"""The simulated audio endpoints answer deterministically, and refuse what OpenAI refuses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.openai_audio import MAX_INPUT, speech, spoken

BODY: dict[str, Any] = {"model": "tts-1", "input": "Hello", "voice": "alloy"}
CALL = Call("openai", "POST", "/v1/audio/speech", {}, b"")


def test_equal_texts_are_equal_bytes() -> None:
    reply = speech(CALL, BODY)
    assert b"".join(reply.frames) == spoken("Hello") and reply.headers["content-type"] == "audio/mpeg"


def test_audio_may_be_streamed_as_events() -> None:
    reply = speech(CALL, {**BODY, "stream_format": "sse"})
    kinds = [orjson.loads(frame.removeprefix(b"data: "))["type"] for frame in reply.frames]
    assert kinds == ["speech.audio.delta", "speech.audio.done"] and reply.tokens > 0


@pytest.mark.parametrize(
    "changed, named",
    [
        ({"response_format": "ogg"}, "response_format"),
        ({"stream_format": "video"}, "stream_format"),
        ({"input": "x" * (MAX_INPUT + 1)}, "input"),
    ],
)
def test_what_openai_refuses_is_refused(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(SimulatedError) as caught:
        speech(CALL, {**BODY, **changed})
    assert (caught.value.status, caught.value.param) == (400, named)
