"""Size limits of the code: lines per file, lines and parameters per function."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

from tests.source import sources

FILE_LINES = 300
FUNCTION_LINES = 40
PARAMETERS = 4


def oversized_files(files: Mapping[str, str]) -> Iterator[str]:
    """Yield `file: n lines` for each file over the limit."""
    for path, text in files.items():
        if (count := len(text.splitlines())) > FILE_LINES:
            yield f"{path}: {count} lines, at most {FILE_LINES}"


def oversized_functions(files: Mapping[str, str]) -> Iterator[str]:
    """Yield `file:line: name: n lines` or `... n parameters` for each function over a limit."""
    for path, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from (f"{path}:{node.lineno}: {node.name}: {excess}" for excess in excesses(node))


def excesses(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the limits that a function exceeds; `self`, `cls` and keyword-only parameters do not count."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if lines > FUNCTION_LINES:
        yield f"{lines} lines, at most {FUNCTION_LINES}"
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    count = len(names) - (names[:1] in (["self"], ["cls"]))
    if count > PARAMETERS:
        yield f"{count} parameters, at most {PARAMETERS}"


def test_no_file_is_too_long() -> None:
    errors = list(oversized_files(sources()))
    assert not errors, "\n" + "\n".join(errors)


def test_no_function_is_over_its_limits() -> None:
    errors = list(oversized_functions(sources()))
    assert not errors, "\n" + "\n".join(errors)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a, b, c, d, e): ...", ["x.py:1: f: 5 parameters, at most 4"]),
        ("async def f(a, b, c, /, d, e): ...", ["x.py:1: f: 5 parameters, at most 4"]),
        ("def f():\n" + "    1\n" * 40, ["x.py:1: f: 41 lines, at most 40"]),
        ("class C:\n    def f(self, a, b, c, d, *, e=1): ...", []),
        ("def f():\n" + "    1\n" * 39, []),
    ],
)
def test_an_oversized_function_is_reported(text: str, expected: list[str]) -> None:
    assert list(oversized_functions({"x.py": text})) == expected


@pytest.mark.parametrize(("lines", "expected"), [(300, []), (301, ["x.py: 301 lines, at most 300"])])
def test_an_oversized_file_is_reported(lines: int, expected: list[str]) -> None:
    assert list(oversized_files({"x.py": "1\n" * lines})) == expected
