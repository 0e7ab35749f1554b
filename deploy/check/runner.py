"""Runs checks, prints one line for each, and counts how they ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from deploy.check.outcome import CheckFailedError, SkippedError

Check = Callable[[], str]
"""Returns what was checked, in a few words. Raises CheckFailedError or SkippedError."""


def run_checks(names: Sequence[str], checks: Mapping[str, Check]) -> int:
    """Run checks by name, without names all of them. Return 1 if one failed, 2 for an unknown name."""
    if unknown := [name for name in names if name not in checks]:
        print(f"no check {', '.join(unknown)}; there are {', '.join(checks)}", file=sys.stderr)
        return 2
    width = max(map(len, checks))
    outcomes = [_report(name.ljust(width), checks[name]) for name in names or checks]
    print(", ".join(f"{outcomes.count(kind)} {kind}" for kind in ("passed", "failed", "skipped")))
    return int("failed" in outcomes)


def _report(label: str, check: Check) -> str:
    started = time.monotonic()
    outcome, detail = _outcome(check)
    print(f"{label}  {outcome.ljust(7)}  {time.monotonic() - started:5.1f} s  {_indented(detail)}", flush=True)
    return outcome


def _outcome(check: Check) -> tuple[str, str]:
    try:
        return "passed", check()
    except CheckFailedError as error:
        return "failed", str(error)
    except SkippedError as error:
        return "skipped", str(error)


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")
