"""tests/ mirrors proxy/: every module has a test file at the corresponding place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

from tests.source import ROOT, sources


def mirrored_path(path: str) -> str:
    """Convert `proxy/x/y.py` to `tests/x/test_y.py`, and `proxy/x/__init__.py` to `tests/x/test_x.py`."""
    inside = PurePosixPath(path).relative_to("proxy")
    name = inside.parent.name if inside.stem == "__init__" else inside.stem
    return (PurePosixPath("tests") / inside.parent / f"test_{name}.py").as_posix()


def needs_tests(path: str, text: str) -> bool:
    """Whether a file needs tests: all except `__main__.py` and an `__init__.py` without definitions."""
    name = PurePosixPath(path).name
    defines = any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.parse(text).body
    )
    return name != "__main__.py" and (name != "__init__.py" or defines)


def missing(files: Mapping[str, str], root: Path) -> Iterator[str]:
    """Yield `proxy/x/y.py: tests/x/test_y.py is missing` for each file without its test."""
    for path, text in files.items():
        if needs_tests(path, text) and not (root / mirrored_path(path)).exists():
            yield f"{path}: {mirrored_path(path)} is missing"


def test_every_file_has_its_test_file() -> None:
    errors = list(missing(sources(), ROOT))
    assert not errors, "\n" + "\n".join(errors)


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
def test_a_file_without_definitions_needs_no_test(path: str, tmp_path: Path) -> None:
    assert not list(missing({path: "TABLE = {}"}, tmp_path))
