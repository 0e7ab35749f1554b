"""Which target served a session last: a conversation stays where its prompt is cached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

SESSIONS = 10_000
"""Remembered at most; the least used are forgotten first."""
KEPT = 3600.0
"""Seconds after its last request for which a session is remembered."""

Session = tuple[str | None, str]
"""The name of the caller's key, and X-Session-Id."""


@dataclass(slots=True)
class Affinity:
    """The last targets of the sessions."""

    _kept: OrderedDict[Session, tuple[str, float]] = field(default_factory=OrderedDict)

    def of(self, session: Session, now: float) -> str | None:
        """The id of the target that served it last; None if there is none, or it was too long ago."""
        target, until = self._kept.get(session, (None, now))
        return target if now < until else None

    def keep(self, session: Session, target: str, now: float) -> None:
        """That target served it now."""
        self._kept[session] = target, now + KEPT
        self._kept.move_to_end(session)
        if len(self._kept) > SESSIONS:
            self._kept.popitem(last=False)
