"""Text that was sent already, and comes again: it is swallowed while it is the same."""

from __future__ import annotations

from dataclasses import dataclass


class Differs(Exception):
    """Another answer has begun; what was sent cannot be taken back."""


@dataclass(slots=True)
class Overlap:
    """What must come again before anything new does."""

    expected: str
    strict: bool = True
    """Whether it must; else whatever differs is new."""

    def new(self, text: str) -> str:
        """What of `text` was not sent yet. Raises Differs."""
        if not self.expected:
            return text
        common = min(len(text), len(self.expected))
        if text[:common] == self.expected[:common]:
            self.expected = self.expected[common:]
            return text[common:]
        if self.strict:
            raise Differs
        pairs = zip(text, self.expected, strict=False)
        same = next((place for place, (new, old) in enumerate(pairs) if new != old), min(len(text), len(self.expected)))
        self.expected = ""
        return text[same:]

    def end(self) -> None:
        """The text is over. Raises Differs if not all of it came."""
        if self.strict and self.expected:
            raise Differs
