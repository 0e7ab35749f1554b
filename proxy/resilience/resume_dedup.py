"""Text that was sent already, and comes again: it is swallowed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile


class ResumeMismatchError(Exception):
    """Another answer has begun; what was sent cannot be taken back."""


@dataclass(slots=True)
class ReplayMatcher:
    """An answer that starts over: what was sent must come again before anything new does."""

    expected: str

    def feed(self, text: str) -> str:
        """What of `text` was not sent yet. Raises Differs."""
        common = min(len(text), len(self.expected))
        if text[:common] != self.expected[:common]:
            raise ResumeMismatchError
        self.expected = self.expected[common:]
        return text[common:]

    def finish(self) -> str:
        """The text is over, and this is left of it. Raises Differs if not all of what was sent came."""
        if self.expected:
            raise ResumeMismatchError
        return ""


@dataclass(slots=True)
class PrefillMatcher:
    """An answer that goes on from what was sent; some hosts say that again first, and white space may come twice."""

    sent: str
    """Without the white space at its end."""
    trimmed: str
    """That white space."""
    _held: str | None = ""
    """What may be the beginning of saying it again; None once that is decided."""

    def feed(self, text: str) -> str:
        """What of the text so far was not sent yet, as soon as that is known."""
        if self._held is None:
            return text
        self._held += text
        whole = self.sent + self.trimmed
        return "" if whole.startswith(self._held) else self.finish()

    def finish(self) -> str:
        """No more comes to decide by: what is left of the text."""
        held, self._held = self._held or "", None
        rest = held.removeprefix(self.sent)
        again = zip(rest, self.trimmed, strict=False)
        return rest[sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], again)) :]


ResumeMatcher = ReplayMatcher | PrefillMatcher
