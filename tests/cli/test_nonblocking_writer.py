"""A log reader that is slow, stopped or gone never blocks; dropped lines are counted."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli.nonblocking_writer import NonblockingWriter


def dropped_notice(count: int) -> bytes:
    return b"dropped %d\n" % count


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    reading, writing = os.pipe()
    stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(writing, "w")))
    yield reading, stream
    stream.close()
    os.close(reading)


def test_a_reader_that_stops_does_not_block_and_the_dropped_lines_are_counted(
    pipe: tuple[int, io.TextIOWrapper],
) -> None:
    reading, stream = pipe
    writer = NonblockingWriter(stream, dropped_notice)
    for number in range(4000):  # far more than a pipe holds
        writer.write(b"%04d %b\n" % (number, b"x" * 94))
    kept = os.read(reading, 1 << 20).splitlines()
    assert [int(line[:4]) for line in kept] == list(range(len(kept)))
    assert 100 < len(kept) < 4000
    writer.write(b"again\n")
    writer.write(b"and on\n")
    assert os.read(reading, 1 << 20) == b"dropped %d\nagain\nand on\n" % (4000 - len(kept))


def test_lines_dropped_by_a_failing_stream_are_counted() -> None:
    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError("disk full")
            return super().write(text)

    stream = Full()
    writer = NonblockingWriter(stream, dropped_notice)
    writer.write(b"one\n")
    writer.write(b"two\n")
    stream.full = False
    writer.write(b"three\n")
    assert stream.getvalue() == "dropped 2\nthree\n"


def test_a_broken_pipe_is_not_an_error(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    writer = NonblockingWriter(stream, dropped_notice)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, reading)
    os.close(null)
    writer.write(b"one\n")
    writer.write(b"two\n")


def test_a_line_longer_than_the_pipe_accepts_does_not_block(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    writer = NonblockingWriter(stream, dropped_notice)
    long = b"x" * 9000 + b"\n"
    for _ in range(100):
        writer.write(long)
    kept = os.read(reading, 1 << 20)
    assert kept.count(long) == len(kept) // len(long) > 1
    writer.write(b"again\n")
    dropped, cut = 100 - kept.count(long), len(kept) % len(long)
    assert os.read(reading, 1 << 20) == b"%bdropped %d\nagain\n" % (b"\n" if cut else b"", dropped)


@pytest.mark.parametrize(
    ("accepted", "rest"),
    [
        (0, b"dropped 3\nnext\n"),
        (2, b"\ndropped 3\nnext\n"),
        (4, b"dropped 2\nnext\n"),
        (5, b"\ndropped 2\nnext\n"),
        (12, b"next\n"),
    ],
)
def test_lines_written_together_are_counted_one_by_one(accepted: int, rest: bytes) -> None:
    writer = NonblockingWriter(io.StringIO(), dropped_notice)
    written = b""
    limit = accepted

    def put(data: bytes) -> int:
        nonlocal written
        written += data[:limit]
        return len(data[:limit])

    writer._put = put
    writer.write(b"one\ntwo\nsix\n")
    limit = 1000
    writer.write(b"next\n")
    assert written == b"one\ntwo\nsix\n"[:accepted] + rest


def test_a_notice_that_was_written_is_not_repeated() -> None:
    writer = NonblockingWriter(io.StringIO(), dropped_notice)
    written, limits = b"", iter([0, len(dropped_notice(1)), 1000])

    def put(data: bytes) -> int:
        nonlocal written
        accepted = data[: next(limits)]
        written += accepted
        return len(accepted)

    writer._put = put
    for line in (b"one\n", b"two\n", b"three\n"):
        writer.write(line)
    assert written == b"dropped 1\ndropped 1\nthree\n"


def test_a_file_accepts_every_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        writer = NonblockingWriter(stream, dropped_notice)
        for number in range(3000):
            writer.write(b"%d %b\n" % (number, b"x" * 90))
    assert len((tmp_path / "log").read_text().splitlines()) == 3000
