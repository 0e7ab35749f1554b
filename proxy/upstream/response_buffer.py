"""The bytes of a provider's response that are held: of a complete one until its end, of a stream until they are sent on."""

from __future__ import annotations

from proxy.memory_account import MemoryAccount

UNCOUNTED_BYTES = 64 * 1024
"""More than this counts for `limits: max_buffered`."""


class ResponseBuffer:
    """Keeps parts of a response, and counts what is held."""

    __slots__ = ("_counted", "_memory", "_parts", "size")

    def __init__(self, memory: MemoryAccount) -> None:
        self.size = 0
        """Bytes since the last `clear`."""
        self._memory = memory
        self._counted = 0
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> int:
        """Keep a part. Return the bytes since the last `clear`. Raises OverloadedError."""
        self.size += len(data)
        if self.size > UNCOUNTED_BYTES:
            self.count(0)
        self._parts.append(data)
        return self.size

    def count(self, size: int) -> int:
        """Count bytes that are held elsewhere. Return and raise as `add` does."""
        self.size += size
        if self.size > UNCOUNTED_BYTES:
            self._memory.hold(self.size - self._counted)
            self._counted = self.size
        return self.size

    def take(self) -> bytes:
        """Return all parts, which count until `clear`."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def clear(self) -> None:
        """Keep and count nothing any longer."""
        self.size = 0
        self._parts.clear()
        if self._counted:
            self._memory.release(self._counted)
            self._counted = 0
