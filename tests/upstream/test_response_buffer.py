"""Small responses are not counted, large ones are, until they are no longer held."""

from __future__ import annotations

import pytest

from proxy.errors import OverloadedError
from proxy.memory_account import Load, MemoryAccount
from proxy.upstream.response_buffer import UNCOUNTED_BYTES, ResponseBuffer


def test_parts_are_counted_together_once_they_are_large() -> None:
    load = Load()
    buffer = ResponseBuffer(MemoryAccount(load, 10 * UNCOUNTED_BYTES))
    assert buffer.add(bytes(UNCOUNTED_BYTES)) == UNCOUNTED_BYTES
    assert load.buffered_bytes == 0
    assert buffer.add(b"x") == load.buffered_bytes == UNCOUNTED_BYTES + 1
    assert buffer.count(9) == load.buffered_bytes == UNCOUNTED_BYTES + 10
    assert buffer.take() == bytes(UNCOUNTED_BYTES) + b"x"
    assert load.buffered_bytes == UNCOUNTED_BYTES + 10  # until the translation is done
    buffer.clear()
    assert (buffer.size, load.buffered_bytes, buffer.take()) == (0, 0, b"")


def test_over_the_limit_nothing_more_is_held() -> None:
    load = Load()
    buffer = ResponseBuffer(MemoryAccount(load, 2 * UNCOUNTED_BYTES))
    buffer.add(bytes(2 * UNCOUNTED_BYTES))
    with pytest.raises(OverloadedError):
        buffer.add(b"x")
    buffer.clear()
    assert load.buffered_bytes == 0
