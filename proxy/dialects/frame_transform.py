"""Base class of the stream translators: splits a provider's event stream into frames and ends it with an error on failure."""

from __future__ import annotations

from abc import ABC, abstractmethod

from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.chunk_writer import error_event
from proxy.sse import Framer


class FrameTransform(ABC):
    """Passes each complete frame to `_translate_frame` until the answer is done or an error has ended it.

    An exception makes the response malformed: the frames before it are sent, and an error event is the last.
    """

    def __init__(self, context: ResponseContext) -> None:
        self._context = context
        self._framer = Framer()

    @abstractmethod
    def _translate_frame(self, frame: bytes) -> bytes:
        """Translate one frame."""

    @abstractmethod
    def _translate_end(self, rest: bytes) -> bytes:
        """Translate `rest`, which came after the last blank line, and return it with what was held back."""

    def feed(self, data: bytes) -> bytes:
        """Return the translation of the frames that `data` completes."""
        state = self._context.answer
        if state.done or state.error:
            return b""
        translated: list[bytes] = []
        try:
            for frame in self._framer.feed(data):
                translated.append(self._translate_frame(frame))
                if state.done or state.error:
                    break
        except Exception as error:  # noqa: BLE001 (any exception ends the stream with an error event)
            translated.append(self._fail(error))
        return b"".join(translated)

    def end(self) -> bytes:
        """Return what was held back, after the provider has closed the stream."""
        if self._context.answer.done or self._context.answer.error:
            return b""
        try:
            self._framer.feed(b"")  # raises if what is held is too large
            return self._translate_end(self._framer.flush())
        except Exception as error:  # noqa: BLE001 (as above)
            return self._fail(error)

    def _fail(self, error: Exception) -> bytes:
        # Text of this frame may be recorded but not sent, so no other target may resume from it.
        self._context.answer.text_only = False
        return error_event(self._context.on_exception(error), self._context)
