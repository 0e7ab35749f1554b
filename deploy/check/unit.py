"""Checks of deploy/parrot.service with systemd's own tool."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploy.check.outcome import ROOT, WORK, SkippedError, run

UNIT = ROOT / "deploy" / "parrot.service"
MAX_EXPOSURE = 1.5
"""Of 10, where a unit without hardening has 9.6."""


def check_unit() -> str:
    """Verify the unit's syntax."""
    run(_analyze(), "verify", _installed_unit())
    return "valid"


def check_hardening() -> str:
    """Compare how exposed the unit is with the limit."""
    threshold = f"--threshold={MAX_EXPOSURE * 10:.0f}"
    report = run(_analyze(), "security", "--offline=true", "--no-pager", threshold, _installed_unit())
    return report.strip().splitlines()[-1].lstrip("→ ")


def _analyze() -> str:
    command = shutil.which("systemd-analyze")
    if command is None:
        raise SkippedError("needs systemd-analyze (package systemd)")
    return command


def _installed_unit() -> Path:
    """Return a copy whose commands exist: systemd-analyze looks for them."""
    copy = WORK / UNIT.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(UNIT.read_text().replace("/opt/parrot/bin/parrot", sys.executable))
    return copy
