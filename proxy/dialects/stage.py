"""A provider's event stream, translated one frame at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod

from proxy.dialects.chunks import failed
from proxy.dialects.contract import Reading
from proxy.sse import Framer


class FrameStage(ABC):
    """Feeds whole frames to `_frame` until the answer is done or an error ended it.

    An exception there makes a malformed response: the frames before it pass, and an error event is the last."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._framer = Framer()

    @abstractmethod
    def _frame(self, frame: bytes) -> bytes:
        """Translate one frame."""

    @abstractmethod
    def _at_end(self, rest: bytes) -> bytes:
        """Translate what came after the last blank line, and return what was held back."""

    def feed(self, data: bytes) -> bytes:
        """Return the translation of the frames that `data` completes."""
        return self._translated(data, ends=False)

    def end(self) -> bytes:
        """Return what was held back, now that nothing more comes."""
        return self._translated(b"", ends=True)

    def _translated(self, data: bytes, *, ends: bool) -> bytes:
        seen = self._reading.answer
        if seen.done or seen.error:
            return b""
        passed: list[bytes] = []
        try:
            for frame in self._framer.feed(data):
                if seen.done or seen.error:
                    break
                passed.append(self._frame(frame))
            if ends and not (seen.done or seen.error):
                passed.append(self._at_end(self._framer.rest()))
        except Exception as error:  # noqa: BLE001 (whatever it is, the stream ends with an error event)
            passed.append(self._fail(error))
        return b"".join(passed)

    def _fail(self, error: Exception) -> bytes:
        # Text of the frame may have been noted that is not sent: no other target may go on from there.
        self._reading.answer.plain = False
        return failed(self._reading.on_exception(error), self._reading)
