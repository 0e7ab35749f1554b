"""A stream of an OpenAI host: frames pass as they are, with who served them spliced in."""

from __future__ import annotations

from proxy.dialects.contract import Reading
from proxy.dialects.openai.chunk import Choice, Chunk, read
from proxy.dialects.openai.events import note_event, says
from proxy.dialects.openai.response import member, note, spliced
from proxy.dialects.parse import to_utf8
from proxy.dialects.stage import FrameStage
from proxy.sse import Event, data_of

DONE = b"[DONE]"

_TWO_LINES = len(b"data:\n}\n\n")
"""Bytes that a frame has at least besides its data, if there is another line with a brace in it."""


class Passing(FrameStage):
    """Taking the splices out again gives the host's bytes, less the frames that are dropped; what is not UTF-8 is replaced."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._member = member(reading.provider)

    def _at_end(self, rest: bytes) -> bytes:
        """A last event may lack its blank line (some hosts end so); anything else unfinished is dropped."""
        data = data_of(rest)
        if data is None or not (data == DONE or read(data) is not None):
            return b""
        return self._frame(rest.rstrip(b"\r\n") + b"\n\n")

    def _frame(self, frame: bytes) -> bytes:
        seen, frame = self._reading.answer, to_utf8(frame)
        data = data_of(frame)
        if data is None:
            return frame
        if data == DONE:
            seen.done = True
            return frame if seen.complete else b""  # it proves nothing, so it does not get to claim it
        chunk = read(data)
        if chunk is None:
            seen.dropped += 1
            return b""
        return self._chunk(chunk, frame, data) if isinstance(chunk, Chunk) else frame

    def _chunk(self, chunk: Chunk, frame: bytes, data: bytes) -> bytes:
        seen = self._reading.answer
        if chunk.error:
            seen.error = True
            return frame
        if chunk.choices is None and chunk.type is not None:
            note_event(chunk, seen)
        else:
            note(chunk, seen)
            if chunk.usage and not chunk.choices and not self._reading.show_usage:
                return b""
        if len(frame) - len(data) < _TWO_LINES:
            return spliced(frame, self._member)
        end = _end_of_data(frame)
        return spliced(frame[:end], self._member) + frame[end:]


def _end_of_data(frame: bytes) -> int:
    """Where the last data line ends: other fields and comments may follow it, with braces of their own."""
    start = max(frame.rfind(b"\ndata"), frame.rfind(b"\rdata")) + 1
    return start + len(frame[start:].splitlines()[0])


def begins(event: Event) -> bool:
    """A delta with anything in it but a role; a finish and an error count too, `[DONE]` alone does not."""
    chunk = read(event.data) if event.data is not None else None
    if not isinstance(chunk, Chunk):
        return False
    return bool(chunk.error) or any(map(_says, chunk.choices or ())) or says(chunk)


def _says(choice: Choice) -> bool:
    delta = choice.delta
    said = isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")
    return bool(choice.finish_reason or choice.text or said)
