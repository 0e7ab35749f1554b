"""The memory of a container is read from its control group, in both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cgroup import memory_limit


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        ("memory.max", "536870912\n", 536_870_912),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "268435456\n", 268_435_456),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("other", "1", None),
    ],
)
def test_the_limit_is_that_of_the_control_group(tmp_path: Path, name: str, text: str, limit: int | None) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / name).write_text(text)
    assert memory_limit(str(tmp_path)) == limit
