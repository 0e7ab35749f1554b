"""An answer that passes as bytes: its first bytes are its first content."""

from __future__ import annotations

from proxy.messages import CompletionState
from proxy.redaction import RedactingBytes, Redactor


class HeldBytes:
    """The beginning of such an answer. Has the methods of `HeldStream`."""

    __slots__ = ("transform",)

    def __init__(self, redactor: Redactor, completion: CompletionState) -> None:
        self.transform = ByteTransform(redactor, completion)

    def take_lifecycle_event(self) -> bool:
        """Return False: there are no events."""
        return False

    def feed(self, data: bytes) -> bytes:
        """Return what may be sent of it."""
        return self.transform.feed(data)

    def end(self) -> bytes:
        """Return nothing: what is held back is the transform's."""
        return b""


class ByteTransform:
    """Passes bytes without secrets. Only the end of the response says that they are complete."""

    __slots__ = ("_completion", "_redacting")

    def __init__(self, redactor: Redactor, completion: CompletionState) -> None:
        self._redacting = RedactingBytes(redactor)
        self._completion = completion
        completion.text_only = False  # no other target could continue it

    def feed(self, data: bytes) -> bytes:
        """Return what may be sent."""
        return self._redacting.feed(data)

    def end(self) -> bytes:
        """Return what was held back, and record that the answer is complete."""
        self._completion.finish_reason = "stop"
        return self._redacting.end()
