"""Whoever reads the log may be slow, stopped or gone: nobody waits, and what was lost is told."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli.nonblocking_writer import NonblockingWriter


def told(count: int) -> bytes:
    return b"lost %d\n" % count


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    reading, writing = os.pipe()
    stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(writing, "w")))
    yield reading, stream
    stream.close()
    os.close(reading)


def test_a_reader_that_stops_holds_nobody_up_and_learns_what_it_missed(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    lines = NonblockingWriter(stream, told)
    for number in range(4000):  # far more than a pipe holds
        lines(b"%04d %b\n" % (number, b"x" * 94))
    kept = os.read(reading, 1 << 20).splitlines()
    assert [int(line[:4]) for line in kept] == list(range(len(kept)))
    assert 100 < len(kept) < 4000
    lines(b"again\n")
    lines(b"and on\n")
    assert os.read(reading, 1 << 20) == b"lost %d\nagain\nand on\n" % (4000 - len(kept))


def test_lines_lost_to_a_stream_that_is_gone_are_counted_too() -> None:
    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError("disk full")
            return super().write(text)

    stream = Full()
    lines = NonblockingWriter(stream, told)
    lines(b"one\n")
    lines(b"two\n")
    stream.full = False
    lines(b"three\n")
    assert stream.getvalue() == "lost 2\nthree\n"


def test_a_reader_that_has_gone_is_nobodys_failure(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    lines = NonblockingWriter(stream, told)
    nobody = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nobody, reading)
    os.close(nobody)
    lines(b"one\n")
    lines(b"two\n")


def test_a_line_longer_than_a_pipe_takes_at_once_holds_nobody_up(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    lines = NonblockingWriter(stream, told)
    long = b"x" * 9000 + b"\n"
    for _ in range(100):
        lines(long)
    kept = os.read(reading, 1 << 20)
    assert kept.count(long) == len(kept) // len(long) > 1
    lines(b"again\n")
    lost, torn = 100 - kept.count(long), len(kept) % len(long)
    assert os.read(reading, 1 << 20) == b"%blost %d\nagain\n" % (b"\n" if torn else b"", lost)


def test_a_file_takes_every_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        lines = NonblockingWriter(stream, told)
        for number in range(3000):
            lines(b"%d %b\n" % (number, b"x" * 90))
    assert len((tmp_path / "log").read_text().splitlines()) == 3000
