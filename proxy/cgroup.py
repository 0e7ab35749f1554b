"""Reads how much memory this process may use, where it runs in a container or as a service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_UNLIMITED = 2**60
"""Version 1 has a number near 2**63 where there is no limit."""


def memory_limit(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> int | None:
    """Return the bytes that the process's control group may use, or None without a limit or without control groups.

    A container sees its own group as the root. A service is in a group below it, and the limits of those above count too.
    """
    limits = [limit for file in _limit_files(Path(root), membership) if (limit := _read_limit(file)) is not None]
    return min(limits, default=None)


def _limit_files(root: Path, membership: str) -> Iterator[Path]:
    group = _group(membership)
    for each in (group, *group.parents):
        yield root / each / "memory.max"
    yield root / "memory/memory.limit_in_bytes"  # of version 1


def _group(membership: str) -> PurePosixPath:
    """Return the process's group of version 2 below the root, which is the root itself if it is unknown."""
    try:
        found = re.search(r"^0::/(.*)$", Path(membership).read_text(), re.MULTILINE)
    except OSError:
        found = None
    group = PurePosixPath(found[1] if found else "")
    return PurePosixPath() if ".." in group.parts else group


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < _UNLIMITED else None
