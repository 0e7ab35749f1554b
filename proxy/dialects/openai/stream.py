"""A stream of an OpenAI host: frames pass as they are, with who served them spliced in."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.dialects.contract import Reading
from proxy.dialects.openai.events import note_event, says
from proxy.dialects.openai.response import choices, note, splice
from proxy.sse import Event, Framer, decode

DONE = b"[DONE]"

_CONTENT = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio", "images")


class Passing:
    """Taking the splices out again gives the host's bytes, less the frames that are dropped."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._framer = Framer()

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._frame, self._framer.feed(data)))

    def end(self) -> bytes:
        """A last event may lack its blank line (some hosts end so); anything else unfinished is dropped."""
        rest = self._framer.rest()
        data = decode(rest).data
        if data is None or not (data == DONE or _json(data) is not None):
            return b""
        return self._frame(rest.rstrip(b"\r\n") + b"\n\n")

    def _frame(self, frame: bytes) -> bytes:
        seen = self._reading.answer
        if seen.done or seen.error:
            return b""  # after its end a stream has nothing more to say
        data = decode(frame).data
        if data is None:
            return frame
        if data == DONE:
            seen.done = True
            return frame if seen.complete else b""  # it proves nothing, so it does not get to claim it
        chunk = _json(data)
        if chunk is None:
            seen.dropped += 1
            return b""
        return self._chunk(chunk, frame) if isinstance(chunk, dict) else frame

    def _chunk(self, chunk: dict[str, Any], frame: bytes) -> bytes:
        seen = self._reading.answer
        if chunk.get("error"):
            seen.error = True
            return frame
        if "choices" not in chunk and "type" in chunk:
            note_event(chunk, seen)
        else:
            note(chunk, seen)
        if not self._reading.show_usage and chunk.get("usage") and not chunk.get("choices"):
            return b""
        return _spliced(frame, self._reading.provider)


def _spliced(frame: bytes, provider: str) -> bytes:
    """The splice in the frame's last data line: other fields and comments may follow it."""
    start = max(frame.rfind(b"\ndata"), frame.rfind(b"\rdata")) + 1
    return splice(frame, provider, start + len(frame[start:].splitlines()[0]))


def begins(event: Event) -> bool:
    """A delta with anything in it but a role; a finish and an error count too, `[DONE]` alone does not."""
    if event.data is None:
        return False
    chunk = _json(event.data)
    if not isinstance(chunk, dict):
        return False
    return bool(chunk.get("error")) or any(map(_says, choices(chunk))) or says(chunk)


def _says(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    said = isinstance(delta, dict) and any(delta.get(key) for key in _CONTENT)
    return bool(choice.get("finish_reason") or choice.get("text") or said)


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
