"""The code stays in small pieces: short files, short functions, few parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

from tests.source import sources

FILE_LINES = 300
FUNCTION_LINES = 40
PARAMETERS = 4


def too_long(files: Mapping[str, str]) -> Iterator[str]:
    """`file: n lines`, for each file over the limit."""
    for path, text in files.items():
        if (count := len(text.splitlines())) > FILE_LINES:
            yield f"{path}: {count} lines, {FILE_LINES} at most"


def sprawling(files: Mapping[str, str]) -> Iterator[str]:
    """`file:line: name: n lines` or `... n parameters`, for each function over a limit."""
    for path, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from (f"{path}:{node.lineno}: {node.name}: {what}" for what in excesses(node))


def excesses(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """What of a function is over its limit; `self`, `cls` and keyword-only parameters do not count."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if lines > FUNCTION_LINES:
        yield f"{lines} lines, {FUNCTION_LINES} at most"
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    count = len(names) - (names[:1] in (["self"], ["cls"]))
    if count > PARAMETERS:
        yield f"{count} parameters, {PARAMETERS} at most"


def test_no_file_is_too_long() -> None:
    found = list(too_long(sources()))
    assert not found, "\n" + "\n".join(found)


def test_no_function_sprawls() -> None:
    found = list(sprawling(sources()))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(a, b, c, d, e): ...", ["x.py:1: f: 5 parameters, 4 at most"]),
        ("async def f(a, b, c, /, d, e): ...", ["x.py:1: f: 5 parameters, 4 at most"]),
        ("def f():\n" + "    1\n" * 40, ["x.py:1: f: 41 lines, 40 at most"]),
        ("class C:\n    def f(self, a, b, c, d, *, e=1): ...", []),
        ("def f():\n" + "    1\n" * 39, []),
    ],
)
def test_a_sprawling_function_is_named(text: str, said: list[str]) -> None:
    assert list(sprawling({"x.py": text})) == said


@pytest.mark.parametrize(("lines", "said"), [(300, []), (301, ["x.py: 301 lines, 300 at most"])])
def test_a_long_file_is_named(lines: int, said: list[str]) -> None:
    assert list(too_long({"x.py": "1\n" * lines})) == said
