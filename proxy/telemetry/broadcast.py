"""News for whoever wants to follow; each follower has a queue of its own, and nobody waits for a slow one."""

from __future__ import annotations

from asyncio import Event
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

MAX_SUBSCRIBERS = 32
"""Followers at a time."""
MAX_QUEUED = 64
"""Messages that one follower may be behind."""

EndReason = Literal["slow", "closed", "left"]


class TooManySubscribersError(Exception):
    """Nobody more may follow now."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """One who follows; `next` gives every message in order, from the moment it began."""

    abort: Callable[[], None]
    """Called when it was too slow: whatever it is stuck in must end."""
    end_reason: EndReason | None = None
    _waiting: deque[str] = field(default_factory=deque)
    _stirred: Event = field(default_factory=Event)

    def put(self, message: str) -> None:
        """Add a message, or give it up."""
        if len(self._waiting) >= MAX_QUEUED:
            self._waiting.clear()
            self.close("slow")
            self.abort()
        else:
            self._waiting.append(message)
            self._stirred.set()

    def close(self, end: EndReason) -> None:
        """Nothing more comes."""
        self.end_reason = end
        self._stirred.set()

    async def next(self) -> str | None:
        """The next message, None at the end."""
        while not self._waiting:
            if self.end_reason:
                return None
            self._stirred.clear()
            await self._stirred.wait()
        return self._waiting.popleft()


@dataclass(slots=True)
class Broadcast:
    """Everyone who follows."""

    initial_message: Callable[[], str] = lambda: ""
    """What a follower is told first: all that the earlier messages have come to."""
    wakeup: Event = field(default_factory=Event)
    """There may be news before it is time to look for it."""
    closed: bool = False
    _followers: set[Subscriber] = field(default_factory=set)

    def subscribe(self, cut: Callable[[], None]) -> Subscriber:
        """From now on; must be left. Raises Full, also once it is closed."""
        if self.closed or len(self._followers) >= MAX_SUBSCRIBERS:
            raise TooManySubscribersError
        follower = Subscriber(cut)
        follower.put(self.initial_message())
        self._followers.add(follower)
        return follower

    def unsubscribe(self, follower: Subscriber) -> None:
        """Twice is harmless."""
        self._followers.discard(follower)

    def publish(self, message: str) -> None:
        """To everyone; who is too far behind is given up."""
        for follower in tuple(self._followers):
            follower.put(message)
            if follower.end_reason:
                self._followers.discard(follower)

    def close(self) -> None:
        """Everyone hears that it is over."""
        self.closed = True
        for follower in self._followers:
            follower.close("closed")
        self._followers.clear()

    def __len__(self) -> int:
        return len(self._followers)
