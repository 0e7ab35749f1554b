"""Finds the versions of Python on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
_PYENV = Path("~/.pyenv/versions").expanduser()


def find_python(version: str) -> str | None:
    """Return the command of a version such as `3.12`, or None without it."""
    found = shutil.which(f"python{version}")
    candidates = [*([found] if found else []), *map(str, sorted(_PYENV.glob(f"{version}.*/bin/python")))]
    return next((each for each in candidates if runs([each, "--version"])), None)


def runs(argv: Sequence[str]) -> bool:
    """Return whether a command succeeds. That of a version manager may stand for a version that is not there."""
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
