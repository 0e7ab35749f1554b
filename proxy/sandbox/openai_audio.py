"""Simulation of OpenAI's audio endpoints."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, SimulatedError, event_reply
from proxy.sandbox.model import count_tokens

AUDIO_TYPES: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Value of `response_format` -> content type of the answer."""

MAX_INPUT = 4096
"""Characters of the text to be spoken."""
_BYTES_PER_CHARACTER = 64
_PIECE_BYTES = 1024


def speech(call: Call, body: Mapping[str, Any]) -> Reply:
    """Return bytes that stand for the spoken text, as audio or as events. Equal texts get equal bytes."""
    form, stream_format = body.get("response_format") or "mp3", body.get("stream_format") or "audio"
    if form not in AUDIO_TYPES:
        raise SimulatedError(
            400, f"'response_format' must be one of {', '.join(AUDIO_TYPES)}.", param="response_format"
        )
    if stream_format not in ("audio", "sse"):
        raise SimulatedError(400, "'stream_format' must be audio or sse.", param="stream_format")
    if len(body["input"]) > MAX_INPUT:
        message = f"Expected a string with maximum length {MAX_INPUT}."
        raise SimulatedError(400, message, param="input", code="string_above_max_length")
    audio = spoken(body["input"])
    if stream_format == "audio":
        return Reply(200, {"content-type": AUDIO_TYPES[form]}, tuple(_pieces(audio)))
    prompt, answer = count_tokens(body["input"]), len(audio) // _BYTES_PER_CHARACTER
    usage = {"input_tokens": prompt, "output_tokens": answer, "total_tokens": prompt + answer}
    events = [{"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} for piece in _pieces(audio)]
    frames = (sse.encode(orjson.dumps(event)) for event in (*events, {"type": "speech.audio.done", "usage": usage}))
    return replace(event_reply(frames), tokens=usage["total_tokens"])


def spoken(text: str) -> bytes:
    """Return the bytes that stand for a spoken text."""
    return hashlib.shake_256(text.encode()).digest(len(text) * _BYTES_PER_CHARACTER)


def _pieces(audio: bytes) -> Iterator[bytes]:
    return (audio[at : at + _PIECE_BYTES] for at in range(0, len(audio), _PIECE_BYTES))
