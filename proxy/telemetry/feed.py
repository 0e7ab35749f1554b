"""News for whoever wants to follow; each follower has a queue of its own, and nobody waits for a slow one."""

from __future__ import annotations

from asyncio import Event
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

MOST = 32
"""Followers at a time."""
ROOM = 64
"""Messages that one follower may be behind."""

End = Literal["slow", "closed", "left"]


class Full(Exception):
    """Nobody more may follow now."""


@dataclass(slots=True, eq=False)
class Follower:
    """One who follows; `next` gives every message in order, from the moment it began."""

    cut: Callable[[], None]
    """Called when it was too slow: whatever it is stuck in must end."""
    end: End | None = None
    _waiting: deque[str] = field(default_factory=deque)
    _stirred: Event = field(default_factory=Event)

    def put(self, message: str) -> None:
        """Add a message, or give it up."""
        if len(self._waiting) >= ROOM:
            self._waiting.clear()
            self.over("slow")
            self.cut()
        else:
            self._waiting.append(message)
            self._stirred.set()

    def over(self, end: End) -> None:
        """Nothing more comes."""
        self.end = end
        self._stirred.set()

    async def next(self) -> str | None:
        """The next message, None at the end."""
        while not self._waiting:
            if self.end:
                return None
            self._stirred.clear()
            await self._stirred.wait()
        return self._waiting.popleft()


@dataclass(slots=True)
class Feed:
    """Everyone who follows."""

    opening: Callable[[], str] = lambda: ""
    """What a follower is told first: all that the earlier messages have come to."""
    stirred: Event = field(default_factory=Event)
    """There may be news before it is time to look for it."""
    closed: bool = False
    _followers: set[Follower] = field(default_factory=set)

    def follow(self, cut: Callable[[], None]) -> Follower:
        """From now on; must be left. Raises Full, also once it is closed."""
        if self.closed or len(self._followers) >= MOST:
            raise Full
        follower = Follower(cut)
        follower.put(self.opening())
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Twice is harmless."""
        self._followers.discard(follower)

    def publish(self, message: str) -> None:
        """To everyone; who is too far behind is given up."""
        for follower in tuple(self._followers):
            follower.put(message)
            if follower.end:
                self._followers.discard(follower)

    def close(self) -> None:
        """Everyone hears that it is over."""
        self.closed = True
        for follower in self._followers:
            follower.over("closed")
        self._followers.clear()

    def __len__(self) -> int:
        return len(self._followers)
