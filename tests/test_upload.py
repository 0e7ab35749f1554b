"""A body goes from its beginning to its end, and no faster than it is taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.memory_account import Load, MemoryAccount
from proxy.upload import PIECE_BYTES, Upload


@dataclass
class Sink:
    """A sink that is full after every part, unless it has room for all."""

    has_room: bool = True
    is_full: bool = False
    parts: list[bytes] = field(default_factory=list)
    has_ended: bool = False

    def write_part(self, data: bytes) -> None:
        assert not self.is_full and not self.has_ended
        self.parts.append(data)
        self.is_full = not self.has_room

    def end_upload(self) -> None:
        self.has_ended = True


def upload(beginning: bytes) -> tuple[Upload, list[int], Load]:
    """Return an upload, what counts the calls for more, and what is held."""
    calls, load = [0], Load()
    memory = MemoryAccount(load, 2**30)
    memory.hold(len(beginning))

    def count() -> None:
        calls[0] += 1

    one = Upload(memory, count)
    one.begin([memoryview(beginning)], None, held_bytes=len(beginning))
    return one, calls, load


def test_what_has_arrived_waits_for_a_sink() -> None:
    one, calls, load = upload(b"beginning")
    assert one.is_full and load.buffered_bytes == 9
    sink = Sink()
    one.connect(sink)
    assert (sink.parts, load.buffered_bytes, calls, one.is_full) == ([b"beginning"], 0, [1], False)
    one.feed(b"more")
    one.end(1.0)
    assert sink.parts == [b"beginning", b"more"] and sink.has_ended


def test_a_long_beginning_is_written_as_the_sink_has_room() -> None:
    one, _, load = upload(b"x" * (PIECE_BYTES + 1))
    one.end(1.0)
    sink = Sink(has_room=False)
    one.connect(sink)
    assert [len(part) for part in sink.parts] == [PIECE_BYTES] and one.is_full and load.buffered_bytes
    sink.is_full = False
    one.resume()
    assert [len(part) for part in sink.parts] == [PIECE_BYTES, 1] and not sink.has_ended and not load.buffered_bytes
    sink.is_full = False
    one.resume()
    assert sink.has_ended


def test_a_sink_that_is_full_asks_for_more_once_it_has_room() -> None:
    one, calls, _ = upload(b"")
    sink = Sink(has_room=False)
    one.connect(sink)
    one.feed(b"one")
    assert one.is_full and calls == [1]
    sink.is_full = False
    one.resume()
    assert not one.is_full and calls == [2]


def test_nothing_is_written_after_it_was_closed() -> None:
    one, _, _ = upload(b"beginning")
    one.forget()
    one.feed(b"more")
    one.end(1.0)
    sink = Sink()
    one.connect(sink)
    assert sink.parts == []
