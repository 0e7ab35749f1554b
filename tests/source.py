"""What the tests about the tree itself read: the modules of proxy/, by path and by dotted name."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent


def sources() -> dict[str, str]:
    """Each file of proxy/ as `proxy/x/y.py` -> its text, in order."""
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / "proxy").rglob("*.py"))}


def dotted_name(path: str) -> str:
    """`proxy/x/y.py` -> `proxy.x.y`; a package is its folder."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
