"""A command runs until it is done or a signal stops it; its result is the exit code."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from proxy.cli.command import CommandError
from proxy.cli.loop import run


async def done(stopped):
    return 3


def test_the_result_is_the_exit_code():
    assert run(done) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_stop_event(number):
    async def waiting(stopped):
        os.kill(os.getpid(), number)
        await stopped.wait()
        return 0

    assert run(waiting) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once_with_1(second):
    async def stubborn(stopped):
        os.kill(os.getpid(), signal.SIGTERM)
        await stopped.wait()
        os.kill(os.getpid(), second)
        await asyncio.Event().wait()

    assert run(stubborn) == 1


def test_an_error_propagates():
    async def failing(stopped):
        raise CommandError("no")

    with pytest.raises(CommandError, match="no"):
        run(failing)
