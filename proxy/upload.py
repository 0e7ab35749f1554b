"""A request's body on its way from the caller to a provider. It is not kept: a provider that is slow slows the caller down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from proxy.memory_account import MemoryAccount

PIECE_BYTES = 256 * 1024
"""The beginning is written in pieces of this size."""


class UploadSink(Protocol):
    """Where an upload goes."""

    @property
    def is_full(self) -> bool:
        """Whether nothing should be written for now. `Upload.resume` is called once there is room again."""

    def write_part(self, data: bytes) -> None:
        """Take more of the body."""

    def end_upload(self) -> None:
        """Take the end of the body."""


class Upload:
    """One such body: what has arrived before a provider takes it, and the way for the rest."""

    __slots__ = ("_beginning", "_held_bytes", "_memory", "_on_room", "_sink", "ended_at", "size")

    def __init__(self, memory: MemoryAccount, on_room: Callable[[], None]) -> None:
        self.size: int | None = None
        """Bytes that the provider gets, None if that is not known beforehand."""
        self._memory = memory
        self._on_room = on_room
        self._beginning: list[memoryview] = []
        self._held_bytes = 0
        self.ended_at: float | None = None
        """When the caller had sent all of it."""
        self._sink: UploadSink | None = None

    # Called for the caller's side.

    def begin(self, beginning: list[memoryview], size: int | None, held_bytes: int) -> None:
        """Set what has arrived, in parts, the size of the whole, and the bytes of held memory that this counts as."""
        self._beginning = [part[at : at + PIECE_BYTES] for part in beginning for at in range(0, len(part), PIECE_BYTES)]
        self._beginning.reverse()  # so that the next is the last
        self.size, self._held_bytes = size, held_bytes

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read from the caller for now. `on_room` is called once there is room again."""
        return self._sink is None or self._sink.is_full or bool(self._beginning)

    def feed(self, data: bytes) -> None:
        """Hand on more of the body. Not to be called while it is full."""
        if self._sink is not None and data:
            self._sink.write_part(data)

    def end(self, now: float) -> None:
        """Take the end of the body, which has arrived at that moment by the runtime's clock."""
        self.ended_at = now
        self._finish()

    # Called for the provider's side.

    def connect(self, sink: UploadSink) -> None:
        """Begin to write to a sink."""
        self._sink = sink
        self.resume()

    def resume(self) -> None:
        """Write on, as the sink has room."""
        while self._beginning and self._sink is not None and not self._sink.is_full:
            self._sink.write_part(bytes(self._beginning.pop()))
        if not self._beginning and self._held_bytes:
            self._memory.release(self._held_bytes)
            self._held_bytes = 0
        if not self.is_full:
            self._finish()
            self._on_room()

    def forget(self) -> None:
        """Drop what is held, and whatever else may come."""
        self._beginning, self._sink = [], None  # the request's end releases its memory

    def _finish(self) -> None:
        if self.ended_at is not None and not self._beginning and self._sink is not None:
            sink, self._sink = self._sink, None
            sink.end_upload()
