"""The memory of a container or service is read from its control group, in both versions."""

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


@pytest.mark.parametrize(
    ("membership", "limit"),
    [
        ("0::/system.slice/parrot.service\n", 100),
        ("1:cpu:/\n0::/system.slice/other.service\n", 300),
        ("0::/\n", None),
        ("0::/../../elsewhere\n", None),
        ("4:memory:/x\n", None),
        (None, None),
    ],
)
def test_the_limit_of_a_service_is_the_smallest_of_its_group_and_those_above(
    tmp_path: Path, membership: str | None, limit: int | None
) -> None:
    limits = {"system.slice": "300", "system.slice/parrot.service": "100", "system.slice/other.service": "max"}
    for group, text in limits.items():
        (tmp_path / group).mkdir(parents=True)
        (tmp_path / group / "memory.max").write_text(text)
    if membership is not None:
        (tmp_path / "cgroup").write_text(membership)
    assert memory_limit(str(tmp_path), str(tmp_path / "cgroup")) == limit
