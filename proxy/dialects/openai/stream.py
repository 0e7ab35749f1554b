"""A stream of an OpenAI host: frames pass as they are, with who served them spliced in."""

from __future__ import annotations

from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk import DONE, Chunk, decode_chunk
from proxy.dialects.hub.events import record_event
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.splice import provider_member, splice_member
from proxy.dialects.lenient_json import to_utf8
from proxy.sse import data_of

_TWO_LINES = len(b"data:\n}\n\n")
"""Bytes that a frame has at least besides its data, if there is another line with a brace in it."""


class PassthroughStream(FrameTransform):
    """Taking the splices out again gives the host's bytes, less the frames that are dropped; what is not UTF-8 is replaced."""

    def __init__(self, reading: ResponseContext) -> None:
        super().__init__(reading)
        self._member = provider_member(reading.provider)

    def _translate_end(self, rest: bytes) -> bytes:
        """A last event may lack its blank line (some hosts end so); anything else unfinished is dropped."""
        data = data_of(rest)
        if data is None or not (data == DONE or decode_chunk(data) is not None):
            return b""
        return self._translate_frame(rest.rstrip(b"\r\n") + b"\n\n")

    def _translate_frame(self, frame: bytes) -> bytes:
        seen, frame = self._context.answer, to_utf8(frame)
        data = data_of(frame)
        if data is None:
            return frame
        if data == DONE:
            seen.done = True
            return frame if seen.complete else b""  # it proves nothing, so it does not get to claim it
        chunk = decode_chunk(data)
        if chunk is None:
            seen.dropped_events += 1
            return b""
        return self._chunk(chunk, frame, data) if isinstance(chunk, Chunk) else frame

    def _chunk(self, chunk: Chunk, frame: bytes, data: bytes) -> bytes:
        seen = self._context.answer
        if chunk.error:
            seen.error = True
            return frame
        if chunk.choices is None and chunk.type is not None:
            record_event(chunk, seen)
        else:
            record_chunk(chunk, seen)
            if chunk.usage and not chunk.choices and not self._context.show_usage:
                return b""
        if len(frame) - len(data) < _TWO_LINES:
            return splice_member(frame, self._member)
        end = _end_of_data(frame)
        return splice_member(frame[:end], self._member) + frame[end:]


def _end_of_data(frame: bytes) -> int:
    """Where the last data line ends: other fields and comments may follow it, with braces of their own."""
    start = max(frame.rfind(b"\ndata"), frame.rfind(b"\rdata")) + 1
    return start + len(frame[start:].splitlines()[0])
