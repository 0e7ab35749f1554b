"""Check of deploy/compose.yaml by the schema of the Compose specification."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.check.outcome import ROOT, run

COMPOSE = ROOT / "deploy" / "compose.yaml"


def check_schema() -> str:
    """Validate the file."""
    run(Path(sys.prefix) / "bin" / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    return "valid by the Compose specification"
