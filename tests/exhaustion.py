"""Exhausts the file descriptors of the test process for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]


@contextmanager
def no_descriptors(spare: int = 0) -> Iterator[None]:
    """Allow only `spare` further descriptors within the context."""
    if resource is None:
        pytest.skip("this platform has no descriptor limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + spare + 8, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(spare):
            os.close(held.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
