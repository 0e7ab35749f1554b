"""Which target served a session last: a conversation stays where its prompt is cached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

MAX_SESSIONS = 10_000
"""Remembered at most; the least used are forgotten first."""
SESSION_TTL_S = 3600.0
"""Seconds after its last request for which a session is remembered."""

SessionKey = tuple[str | None, str]
"""The name of the caller's key, and X-Session-Id."""


@dataclass(slots=True)
class Affinity:
    """The last targets of the sessions."""

    _entries: OrderedDict[SessionKey, tuple[str, float]] = field(default_factory=OrderedDict)

    def get(self, session: SessionKey, now: float) -> str | None:
        """The id of the target that served it last; None if there is none, or it was too long ago."""
        target, until = self._entries.get(session, (None, now))
        return target if now < until else None

    def put(self, session: SessionKey, target: str, now: float) -> None:
        """That target served it now."""
        self._entries[session] = target, now + SESSION_TTL_S
        self._entries.move_to_end(session)
        if len(self._entries) > MAX_SESSIONS:
            self._entries.popitem(last=False)
