"""What a request holds in memory counts until it is released or the request ends, and never beyond the limit."""

from __future__ import annotations

import pytest

from proxy.errors import OverloadedError
from proxy.memory_account import Load, MemoryAccount


def test_accounts_share_one_limit() -> None:
    load = Load()
    first, second = MemoryAccount(load, 100), MemoryAccount(load, 100)
    first.hold(60)
    second.hold(40)
    with pytest.raises(OverloadedError, match="100 bytes are held in memory") as caught:
        second.hold(1)
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    first.release(10)
    second.hold(10)
    assert load.buffered_bytes == 100


def test_a_closed_account_counts_nothing() -> None:
    load = Load()
    account = MemoryAccount(load, 100)
    account.hold(60)
    account.close()
    account.release(60)
    account.hold(7)
    account.close()
    assert load.buffered_bytes == 0
