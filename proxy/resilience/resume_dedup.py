"""Removes text that was already sent from a response that continues a truncated one.

The continuing target either repeats the text from its beginning (replay), or continues after it because it received it
as an assistant prefill. Feed the text piece by piece. `feed` returns what is new of it, `finish` the rest at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile


class ResumeMismatchError(Exception):
    """The replay differs from the text that was sent, which cannot be undone."""


@dataclass(slots=True)
class ReplayMatcher:
    """Matches a response that starts over: all of the sent text must come again before anything new."""

    expected: str
    """The part of the sent text that has not been matched yet."""

    def feed(self, text: str) -> str:
        """Return what is new in `text`. Raises ResumeMismatchError."""
        common = min(len(text), len(self.expected))
        if text[:common] != self.expected[:common]:
            raise ResumeMismatchError
        self.expected = self.expected[common:]
        return text[common:]

    def finish(self) -> str:
        """Return the rest, which is always empty. Raises ResumeMismatchError if the sent text was not repeated in full."""
        if self.expected:
            raise ResumeMismatchError
        return ""


@dataclass(slots=True)
class PrefillMatcher:
    """Matches a response that continues a prefill.

    Some hosts repeat the prefill first, and many repeat the white space that was cut from its end. So text is held back as
    long as it equals the beginning of the sent text. Once it differs, a repeated prefill and white space are removed.
    """

    sent: str
    """The prefill: the sent text without the white space at its end."""
    trailing_space: str
    """That white space."""
    _held: str | None = ""
    """Text that may be the beginning of a repetition, or None once that is decided."""

    def feed(self, text: str) -> str:
        """Return what is new in the text so far, as soon as that is certain."""
        if self._held is None:
            return text
        self._held += text
        return "" if (self.sent + self.trailing_space).startswith(self._held) else self.finish()

    def finish(self) -> str:
        """Return what is new in the text that is still held back."""
        held, self._held = self._held or "", None
        rest = held.removeprefix(self.sent)
        pairs = zip(rest, self.trailing_space, strict=False)
        return rest[sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)) :]


ResumeMatcher = ReplayMatcher | PrefillMatcher
