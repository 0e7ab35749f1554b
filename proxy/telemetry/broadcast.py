"""Broadcasts messages to subscribers, each with its own bounded queue. One that is too slow is dropped."""

from __future__ import annotations

from asyncio import Event
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

MAX_SUBSCRIBERS = 32
MAX_QUEUED = 64
"""Messages that a subscriber may be behind."""

EndReason = Literal["slow", "closed", "left"]


class TooManySubscribersError(Exception):
    """The broadcast has `MAX_SUBSCRIBERS` subscribers, or is closed."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """Receives every message in order from its subscription on. Read them with `next`."""

    abort: Callable[[], None]
    """Called when it is dropped for being slow, to end the write that blocks it."""
    end_reason: EndReason | None = None
    _waiting: deque[str] = field(default_factory=deque)
    _wakeup: Event = field(default_factory=Event)

    def put(self, message: str) -> None:
        """Queue a message. If the queue is full, drop all and close with reason `slow`."""
        if len(self._waiting) >= MAX_QUEUED:
            self._waiting.clear()
            self.close("slow")
            self.abort()
        else:
            self._waiting.append(message)
            self._wakeup.set()

    def close(self, reason: EndReason) -> None:
        """End the subscription after the messages that are queued."""
        self.end_reason = reason
        self._wakeup.set()

    async def next(self) -> str | None:
        """Wait for the next message and return it, or None at the end."""
        while not self._waiting:
            if self.end_reason:
                return None
            self._wakeup.clear()
            await self._wakeup.wait()
        return self._waiting.popleft()


@dataclass(slots=True)
class Broadcast:
    """Sends each published message to all subscribers."""

    initial_message: Callable[[], str] = lambda: ""
    """Creates the first message of a subscriber: the state that the earlier messages led to."""
    wakeup: Event = field(default_factory=Event)
    """Set to make the publisher look for changes before its next regular poll."""
    closed: bool = False
    _subscribers: set[Subscriber] = field(default_factory=set)

    def subscribe(self, abort: Callable[[], None]) -> Subscriber:
        """Add a subscriber. Call `unsubscribe` at its end. Raises TooManySubscribersError."""
        if self.closed or len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise TooManySubscribersError
        subscriber = Subscriber(abort)
        subscriber.put(self.initial_message())
        self._subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber, if it has not been removed before."""
        self._subscribers.discard(subscriber)

    def publish(self, message: str) -> None:
        """Queue a message for every subscriber, and remove those that are too slow."""
        for subscriber in tuple(self._subscribers):
            subscriber.put(message)
            if subscriber.end_reason:
                self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End all subscriptions and accept no more."""
        self.closed = True
        for subscriber in self._subscribers:
            subscriber.close("closed")
        self._subscribers.clear()

    def __len__(self) -> int:
        return len(self._subscribers)
