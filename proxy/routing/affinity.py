"""Session affinity: remembers which target served a session last, so that a conversation stays where it is cached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

MAX_SESSIONS = 10_000
"""Sessions that are remembered. The least recently used are forgotten first."""
SESSION_TTL_S = 3600.0
"""Time after its last request for which a session is remembered."""

SessionKey = tuple[str | None, str]
"""The name of the caller's API key, and X-Session-Id."""


@dataclass(slots=True)
class Affinity:
    """The last target of each session. Times are seconds of one clock."""

    _entries: OrderedDict[SessionKey, tuple[str, float]] = field(default_factory=OrderedDict)

    def get(self, session: SessionKey, now: float) -> str | None:
        """Return the id of the session's last target, or None if it is unknown or expired."""
        target, until = self._entries.get(session, (None, now))
        return target if now < until else None

    def put(self, session: SessionKey, target: str, now: float) -> None:
        """Record the target that serves the session now."""
        self._entries[session] = target, now + SESSION_TTL_S
        self._entries.move_to_end(session)
        if len(self._entries) > MAX_SESSIONS:
            self._entries.popitem(last=False)
