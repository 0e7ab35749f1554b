"""How a check ends: it returns what it found, or raises one of these."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WORK = ROOT / "build" / "deploy-check"
"""Where checks put what they build."""
_SHOWN_LINES = 40
"""Of the output of a command that failed."""


class CheckFailedError(Exception):
    """What was checked is wrong. The message is the tool's output."""


class SkippedError(Exception):
    """The check cannot run on this machine. The message says what is missing."""


def run(*argv: str | Path, cwd: Path = ROOT, environ: dict[str, str] | None = None) -> str:
    """Run a command and return its standard output. Raises CheckFailedError with its output if it fails."""
    done = subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        last_lines = (done.stdout + done.stderr).splitlines()[-_SHOWN_LINES:]
        command = " ".join(map(str, argv))
        raise CheckFailedError("\n".join([f"{command}: exit code {done.returncode}", *last_lines]))
    return done.stdout
