"""The source files of proxy/, for the tests that check the source tree."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent


def sources() -> dict[str, str]:
    """Return `proxy/x/y.py` -> text for each file of proxy/, sorted."""
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / "proxy").rglob("*.py"))}


def dotted_name(path: str) -> str:
    """Convert `proxy/x/y.py` to `proxy.x.y`, and `proxy/x/__init__.py` to `proxy.x`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
