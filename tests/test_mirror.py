"""tests/ mirrors proxy/: who looks for the tests of a file finds them at the same place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

from tests.source import ROOT, sources


def mirrored(path: str) -> str:
    """`proxy/x/y.py` -> `tests/x/test_y.py`; a package's own file is tested as `tests/x/test_x.py`."""
    inside = PurePosixPath(path).relative_to("proxy")
    name = inside.parent.name if inside.stem == "__init__" else inside.stem
    return (PurePosixPath("tests") / inside.parent / f"test_{name}.py").as_posix()


def needs_tests(path: str, text: str) -> bool:
    """All do but `__main__.py`, and an `__init__.py` that defines nothing."""
    name = PurePosixPath(path).name
    defines = any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.parse(text).body
    )
    return name != "__main__.py" and (name != "__init__.py" or defines)


def missing(files: Mapping[str, str], root: Path) -> Iterator[str]:
    """`proxy/x/y.py: tests/x/test_y.py is missing`, for each file without its test."""
    for path, text in files.items():
        if needs_tests(path, text) and not (root / mirrored(path)).exists():
            yield f"{path}: {mirrored(path)} is missing"


def test_every_file_has_its_test_file() -> None:
    found = list(missing(sources(), ROOT))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "text", "test"),
    [
        ("proxy/sse.py", "", "tests/test_sse.py"),
        ("proxy/dialects/google/request.py", "", "tests/dialects/google/test_request.py"),
        ("proxy/cli/__init__.py", "def main(): ...", "tests/cli/test_cli.py"),
    ],
)
def test_a_missing_test_file_is_named(path: str, text: str, test: str, tmp_path: Path) -> None:
    assert list(missing({path: text}, tmp_path)) == [f"{path}: {test} is missing"]


@pytest.mark.parametrize("path", ["proxy/__main__.py", "proxy/__init__.py", "proxy/dialects/__init__.py"])
def test_a_file_with_nothing_to_test_needs_none(path: str, tmp_path: Path) -> None:
    assert not list(missing({path: "TABLE = {}"}, tmp_path))
