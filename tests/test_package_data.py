"""Files that the package reads are in its distribution, as setup.cfg lists them."""

from __future__ import annotations

from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

from tests.source import ROOT


def packaged() -> dict[str, list[str]]:
    """Return the patterns of each package's data files, by folder."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]
    return {name.replace(".", "/"): value.split() for name, value in patterns.items()}


def is_packaged(path: Path) -> bool:
    """Return whether a pattern of a package that the file is in matches it."""
    return any(
        path.is_relative_to(folder) and fnmatch(path.relative_to(folder).as_posix(), pattern)
        for folder, patterns in packaged().items()
        for pattern in patterns
    )


def test_every_data_file_is_packaged() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "proxy").rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in (".py", ".pyc")]
    assert Path("proxy/cli/example.yaml") in data
    assert [path for path in data if not is_packaged(path)] == []


def test_a_file_of_another_kind_would_not_be() -> None:
    assert not is_packaged(Path("proxy/cli/example.toml"))
