"""A provider's event stream, translated one frame at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk_writer import error_event
from proxy.sse import Framer


class FrameTransform(ABC):
    """Feeds whole frames to `_translate_frame` until the answer is done or an error ended it.

    An exception there makes a malformed response: the frames before it pass, and an error event is the last."""

    def __init__(self, reading: ResponseContext) -> None:
        self._context = reading
        self._framer = Framer()

    @abstractmethod
    def _translate_frame(self, frame: bytes) -> bytes:
        """Translate one frame."""

    @abstractmethod
    def _translate_end(self, rest: bytes) -> bytes:
        """Translate what came after the last blank line, and return what was held back."""

    def feed(self, data: bytes) -> bytes:
        """Return the translation of the frames that `data` completes."""
        return self._translated(data, ends=False)

    def end(self) -> bytes:
        """Return what was held back, now that nothing more comes."""
        return self._translated(b"", ends=True)

    def _translated(self, data: bytes, *, ends: bool) -> bytes:
        seen = self._context.answer
        if seen.done or seen.error:
            return b""
        passed: list[bytes] = []
        try:
            for frame in self._framer.feed(data):
                if seen.done or seen.error:
                    break
                passed.append(self._translate_frame(frame))
            if ends and not (seen.done or seen.error):
                passed.append(self._translate_end(self._framer.flush()))
        except Exception as error:  # noqa: BLE001 (whatever it is, the stream ends with an error event)
            passed.append(self._fail(error))
        return b"".join(passed)

    def _fail(self, error: Exception) -> bytes:
        # Text of the frame may have been noted that is not sent: no other target may go on from there.
        self._context.answer.text_only = False
        return error_event(self._context.on_exception(error), self._context)
