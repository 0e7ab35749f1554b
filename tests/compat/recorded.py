"""The requests that the programs have sent."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "requests"
