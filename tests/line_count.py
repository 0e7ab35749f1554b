"""Counts the lines of Python that some work runs: a measure of time that is the same on every machine.

Work in C is not counted.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from proxy.errors import ParrotError


def lines(work: Callable[[], object]) -> int:
    """Count the lines that `work` runs. A ParrotError ends it like a result."""
    return _count(work, by_opcode=False)


def instructions(work: Callable[[], object]) -> int:
    """Count the bytecode instructions that `work` runs, likewise."""
    return _count(work, by_opcode=True)


def _count(work: Callable[[], object], *, by_opcode: bool) -> int:
    counted = [0]

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = by_opcode, not by_opcode
        counted[0] += 1
        return trace

    before = sys.gettrace()
    gc.disable()  # a collection runs callbacks of other libraries, which would be counted
    sys.settrace(trace)
    try:
        with suppress(ParrotError):
            work()
    finally:
        sys.settrace(before)
        gc.enable()
    return counted[0]
