"""Reads what the source says about the fields of a class: the text below each of them."""

from __future__ import annotations

import ast
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent


def field_docs(kind: type) -> dict[str, str]:
    """Return the text below each field of a class and of its bases, on one line. Built-in classes have none."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        try:
            source = getsource(base)
        except (TypeError, OSError):  # without source, such as `object`
            continue
        docs.update(_docs_of(ast.parse(dedent(source)).body[0]))
    return docs


def _docs_of(statement: ast.stmt) -> dict[str, str]:
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    return {
        field.target.id: " ".join(cleandoc(text.value.value).split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
