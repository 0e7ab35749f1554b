"""Keeps responses that callers may refer to by their id: which account holds each, or the conversation itself.

A response that was translated exists nowhere else, so its conversation is kept here, as the caller's bytes. All of it is
bounded, and counted as memory that requests hold. The least recently used are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from msgspec import Struct

from proxy.memory_account import Load

MAX_BYTES = 64 * 2**20
"""Of all responses together."""
TTL_S = 3600.0
"""Time after its last use for which a response is kept."""
ENTRY_BYTES = 512
"""Counted for each response, next to its content."""
MAX_CHAIN = 10_000
"""Responses of one conversation."""


class Holder(NamedTuple):
    """The account that holds a response."""

    provider: str
    region: str
    key: str | None = None
    """The label of its key, where the provider has several."""


class KeptResponse(Struct, frozen=True):
    """A response that may be referred to."""

    caller: str | None
    """The name of the key that it belongs to."""
    holder: Holder | None = None
    """The account that holds it. None if it is kept here."""
    body: bytes = b""
    """The response."""
    input: bytes = b""
    """The input items that it answers, as JSON without brackets, without those of the responses before it."""
    previous: str | None = None
    """The id of the response that it follows, if that is kept here too."""

    @property
    def size(self) -> int:
        """The bytes that it counts as."""
        return ENTRY_BYTES + len(self.body) + len(self.input)


class Continuation(Struct):
    """How a request goes on from an earlier response, and what is to be kept of it."""

    is_kept: bool = True
    """Whether its own response is to be kept."""
    input: bytes = b""
    """Its own input items, as JSON without brackets, if they are to be kept."""
    previous: str | None = None
    """The id of the earlier response, if its conversation is kept here."""
    holder: Holder | None = None
    """The account that holds the earlier response, and so must serve the request."""
    unknown: str = ""
    """The id of the earlier response, if accounts must be asked which of them holds it."""

    def __repr__(self) -> str:
        return f"Continuation({self.previous}, {self.holder})"  # its input is the prompt


class KeptResponses:
    """The responses of one process, by their id. Times are seconds of one clock."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._entries: OrderedDict[str, tuple[KeptResponse, float]] = OrderedDict()
        self.size = 0
        """Bytes of all of them."""

    def put(self, id: str, response: KeptResponse, now: float, most: float = MAX_BYTES) -> None:
        """Keep a response, if all together are to take no more than `most` bytes, and forget the oldest for it."""
        self.delete(id)
        limit = min(most, MAX_BYTES)
        if response.size > limit:
            return
        self._entries[id] = response, now + TTL_S
        self._count(response.size)
        while self.size > limit:
            self.delete(next(iter(self._entries)))

    def get(self, id: str, caller: str | None, now: float) -> KeptResponse | None:
        """Return the response with that id if it belongs to that caller, and keep it for longer."""
        self._forget_expired(now)
        response, _ = self._entries.get(id, (None, 0.0))
        if response is None or response.caller != caller:
            return None
        self._entries[id] = response, now + TTL_S
        self._entries.move_to_end(id)
        return response

    def belongs_to_another(self, id: str, caller: str | None) -> bool:
        """Whether the id is known and another caller's."""
        response, _ = self._entries.get(id, (None, 0.0))
        return response is not None and response.caller != caller

    def conversation(self, id: str, caller: str | None, now: float) -> list[KeptResponse] | None:
        """Return the responses of a conversation up to the one with that id, oldest first.

        None if any of them is forgotten, or held by a provider.
        """
        found: list[KeptResponse] = []
        previous: str | None = id
        while previous is not None and len(found) < MAX_CHAIN:
            response = self.get(previous, caller, now)
            if response is None or response.holder is not None:
                return None
            found.append(response)
            previous = response.previous
        return found[::-1] if previous is None else None

    def delete(self, id: str) -> None:
        """Forget a response."""
        response, _ = self._entries.pop(id, (None, 0.0))
        if response is not None:
            self._count(-response.size)

    def _forget_expired(self, now: float) -> None:
        while self._entries and next(iter(self._entries.values()))[1] <= now:
            self.delete(next(iter(self._entries)))

    def _count(self, size: int) -> None:
        self.size += size
        self._load.buffered_bytes += size
