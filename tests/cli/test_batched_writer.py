"""Lines are written together while an event loop runs, and none is lost when the process exits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field

from proxy.cli.batched_writer import INTERVAL_S, MAX_BYTES, BatchedWriter
from tests.source import ROOT
from tests.virtual_time import virtual_time


@dataclass
class Written:
    """Records what is written, and when by the event loop's clock."""

    writes: list[bytes] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    def write(self, line: bytes) -> int:
        self.writes.append(line)
        self.moments.append(asyncio.get_running_loop().time())
        return len(line)


@virtual_time
async def test_lines_of_one_interval_are_written_together() -> None:
    written = Written()
    writer = BatchedWriter(written)
    begun = asyncio.get_running_loop().time()
    assert writer.write(b"one\n") == 4
    await asyncio.sleep(INTERVAL_S / 2)
    writer.write(b"two\n")
    writer.flush()
    assert written.writes == []
    await asyncio.sleep(INTERVAL_S)
    writer.write(b"three\n")
    await asyncio.sleep(INTERVAL_S * 2)
    assert written.writes == [b"one\ntwo\n", b"three\n"]
    assert written.moments[0] == begun + INTERVAL_S
    await asyncio.sleep(10)
    assert len(written.writes) == 2, "nothing is written while there is nothing to write"


@virtual_time
async def test_many_bytes_are_written_without_waiting() -> None:
    written = Written()
    writer = BatchedWriter(written)
    line = b"x" * 1023 + b"\n"
    for _ in range(MAX_BYTES // 1024 - 1):
        writer.write(line)
    assert written.writes == []
    writer.write(line)
    writer.write(b"next\n")
    assert written.writes == [line * (MAX_BYTES // 1024)]
    await asyncio.sleep(INTERVAL_S * 2)
    assert written.writes[1:] == [b"next\n"]


def test_without_an_event_loop_each_line_is_written_at_once() -> None:
    lines: list[bytes] = []

    class Lines:
        def write(self, line: bytes) -> int:
            lines.append(line)
            return len(line)

    writer = BatchedWriter(Lines())
    writer.write(b"one\n")
    writer.write(b"two\n")
    assert lines == [b"one\n", b"two\n"]


EXITING = """
import asyncio, sys
from proxy.cli.batched_writer import BatchedWriter

async def main():
    writer = BatchedWriter(sys.stdout.buffer)
    writer.write(b"one\\n")
    writer.write(b"two\\n")

asyncio.run(main())
"""


def test_what_is_left_is_written_when_the_process_exits() -> None:
    done = subprocess.run([sys.executable, "-c", EXITING], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert done.stdout == b"one\ntwo\n"
