"""Reads how much memory this process may use, where it runs in a container."""

from __future__ import annotations

from pathlib import Path

_LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")
"""Of version 2 and of version 1."""
_UNLIMITED = 2**60
"""Version 1 has a number near 2**63 where there is no limit."""


def memory_limit(root: str = "/sys/fs/cgroup") -> int | None:
    """Return the bytes that the process's control group may use, or None without a limit or without control groups."""
    for name in _LIMIT_FILES:
        try:
            text = (Path(root) / name).read_text()
        except OSError:
            continue
        return int(text) if text.strip().isdecimal() and int(text) < _UNLIMITED else None
    return None
