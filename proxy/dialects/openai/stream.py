"""Passes an OpenAI event stream through, with the provider's name spliced into each chunk."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.dialects.compatible.stream import RepairingStream
from proxy.dialects.contract import ResponseContext
from proxy.dialects.frame_transform import FrameTransform
from proxy.dialects.hub.chunk import DONE, Chunk, decode_chunk
from proxy.dialects.hub.events import is_failure, record_event
from proxy.dialects.hub.record import record_chunk
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.hub.splice import append_to_event, provider_member
from proxy.dialects.hub.usage import normalized_change
from proxy.dialects.lenient_json import parse_or_none, to_utf8
from proxy.dialects.openai.tables import ANSWER_MEMBERS
from proxy.messages import StreamTransform
from proxy.sse import data_of, encode, is_comment, without_ids


class PassthroughStream(FrameTransform):
    """Passes frames through byte-exactly except for the spliced member. Invalid UTF-8 is replaced.

    Dropped are events without data, events that are not what the endpoint streams, usage that the caller did not request,
    ids of events, and a `[DONE]` without a finish reason. OpenAI's SDKs fail on an event that is none of theirs.
    """

    def __init__(self, context: ResponseContext) -> None:
        super().__init__(context)
        self._member = provider_member(context.provider)
        self._has_choices = ANSWER_MEMBERS.get(context.endpoint) == "choices"

    def _translate_end(self, rest: bytes) -> bytes:
        """Complete a last event that lacks its blank line, as some hosts end a stream. Drop anything else unfinished."""
        data = data_of(rest)
        if data is None or not (data == DONE or decode_chunk(data) is not None):
            return b""
        return self._translate_frame(rest.rstrip(b"\r\n") + b"\n\n")

    def _translate_frame(self, frame: bytes) -> bytes:
        state = self._context.answer
        if not frame.isascii():
            frame = to_utf8(frame)
        data = data_of(frame)
        if data is None:
            return frame if is_comment(frame) else b""
        if frame.find(b"id:") >= 0:
            frame = without_ids(frame)
        if data == DONE:
            state.done = True
            return frame if state.complete else b""  # passed on, it would make a cut answer look complete
        chunk = decode_chunk(data)
        if not isinstance(chunk, Chunk):
            state.dropped_events += 1
            return b""
        return self._pass_chunk(chunk, frame, data)

    def _pass_chunk(self, chunk: Chunk, frame: bytes, data: bytes) -> bytes:
        state = self._context.answer
        if chunk.error:
            state.error = True
            return frame
        if chunk.choices is None and chunk.type is not None and (not self._has_choices or is_failure(chunk)):
            record_event(chunk, state)
        else:
            if chunk.usage and self._context.endpoint == "chat" and (usage := normalized_change(chunk.usage)):
                chunk, data = replace(chunk, usage=usage), replace_members(data, {"usage": usage}, drop=())
                frame = encode(data)
            record_chunk(chunk, state)
            if not chunk.choices and not self._is_passed_without_choices(chunk, data):
                return b""
        return append_to_event(frame, data, self._member)

    def _is_passed_without_choices(self, chunk: Chunk, data: bytes) -> bool:
        """Return whether a chunk without a choice is one that clients expect: with requested usage, or an empty list."""
        if chunk.usage and not self._context.show_usage:
            return False
        if not self._has_choices or parse_or_none(data).get("choices") == []:
            return True
        self._context.answer.dropped_events += not chunk.usage
        return False


def stream_translator(context: ResponseContext) -> StreamTransform:
    """Return the transform of a stream: only one in which tools have other names than the caller's is taken apart."""
    return RepairingStream(context) if context.tool_names else PassthroughStream(context)
