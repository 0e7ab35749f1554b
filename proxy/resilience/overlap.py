"""Text that was sent already, and comes again: it is swallowed."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import commonprefix


class Differs(Exception):
    """Another answer has begun; what was sent cannot be taken back."""


@dataclass(slots=True)
class Again:
    """An answer that starts over: what was sent must come again before anything new does."""

    expected: str

    def new(self, text: str) -> str:
        """What of `text` was not sent yet. Raises Differs."""
        common = min(len(text), len(self.expected))
        if text[:common] != self.expected[:common]:
            raise Differs
        self.expected = self.expected[common:]
        return text[common:]

    def end(self) -> str:
        """The text is over, and this is left of it. Raises Differs if not all of what was sent came."""
        if self.expected:
            raise Differs
        return ""


@dataclass(slots=True)
class Onwards:
    """An answer that goes on from what was sent; some hosts say that again first, and white space may come twice."""

    sent: str
    """Without the white space at its end."""
    trimmed: str
    """That white space."""
    _held: str | None = ""
    """What may be the beginning of saying it again; None once that is decided."""

    def new(self, text: str) -> str:
        """What of the text so far was not sent yet, as soon as that is known."""
        if self._held is None:
            return text
        self._held += text
        whole = self.sent + self.trimmed
        return "" if whole.startswith(self._held) else self.end()

    def end(self) -> str:
        """No more comes to decide by: what is left of the text."""
        held, self._held = self._held or "", None
        rest = held.removeprefix(self.sent)
        return rest[len(commonprefix([rest, self.trimmed])) :]


Overlap = Again | Onwards
