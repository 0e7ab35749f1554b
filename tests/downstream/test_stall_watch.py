"""A peer that takes nothing is given up, one that takes a little is not, even where only the system sees it."""

from __future__ import annotations

import asyncio

import pytest

from proxy.deadline_timer import DeadlineTimer
from proxy.downstream.stall_watch import INTERVAL_S, STALL_TIMEOUT_S, StallWatch
from tests.callers import FakeSocket
from tests.virtual_time import virtual_time

LONGEST_S = STALL_TIMEOUT_S + 2 * INTERVAL_S
"""After which a stalled peer is certainly given up."""


class Ignoring(asyncio.Protocol):
    """A protocol that leaves everything to its test."""

    writing_paused = False


def watched(unsent: int) -> tuple[StallWatch, FakeSocket]:
    """Return a watch that was started on a connection with that much to send."""
    sock = FakeSocket()
    sock.protocol, sock.unsent_bytes = Ignoring(), unsent
    watch = StallWatch(DeadlineTimer(), asyncio.get_running_loop())
    watch.start(sock)
    return watch, sock


@virtual_time
async def test_a_peer_that_takes_nothing_is_given_up() -> None:
    _, sock = watched(1000)
    await asyncio.sleep(STALL_TIMEOUT_S)
    assert not sock.is_aborted
    await asyncio.sleep(LONGEST_S - STALL_TIMEOUT_S)
    assert sock.is_aborted


@virtual_time
async def test_what_is_written_first_is_no_lack_of_progress() -> None:
    watch, sock = watched(1000)
    sock.unsent_bytes += 100_000  # the rest of what was being sent when it began
    for _ in range(20):
        await asyncio.sleep(STALL_TIMEOUT_S - INTERVAL_S)
        sock.unsent_bytes -= 1
    assert not sock.is_aborted
    watch.stop()


@virtual_time
async def test_pings_are_no_progress() -> None:
    _, sock = watched(1000)
    for _ in range(10):
        await asyncio.sleep(INTERVAL_S)
        sock.unsent_bytes += 8
    assert sock.is_aborted


@pytest.mark.parametrize("ends_by", ["sent", "stopped"])
@virtual_time
async def test_the_watch_ends_when_all_is_sent_or_it_is_stopped(ends_by: str) -> None:
    watch, sock = watched(1000)
    if ends_by == "sent":
        sock.unsent_bytes = 0
    else:
        watch.stop()
        watch.stop()
    await asyncio.sleep(10 * LONGEST_S)
    assert not sock.is_aborted and watch._timer._watched == set()
    sock.unsent_bytes = 1000
    watch.start(sock)  # it can begin again
    await asyncio.sleep(LONGEST_S)
    assert sock.is_aborted
