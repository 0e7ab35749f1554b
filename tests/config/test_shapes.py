"""Nodes and types have names in errors, and it is known which fit together."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from msgspec import inspect

from proxy.config.shapes import describe_shape, describe_type, has_shape_of, is_null
from proxy.config.units import Size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "a mapping"),
        ("[]", "a list"),
        ("12", "'12'"),
        ("sk-planted-canary", "text"),
        ("~", "nothing"),
        ("''", "''"),
    ],
)
def test_a_node_is_described_without_what_may_be_a_secret(text: str, words: str) -> None:
    assert describe_shape(yaml.compose(text)) == words


@pytest.mark.parametrize(("text", "holds"), [("null", True), ("~", True), ("'null'", False), ("nothing", False)])
def test_null_is_written_plain(text: str, holds: bool) -> None:
    assert is_null(yaml.compose(text)) is holds


@pytest.mark.parametrize(
    ("kind", "fits"),
    [(dict[str, str], "{}"), (list[int], "[]"), (tuple[int, ...], "[]"), (str, "a"), (int, "1"), (Size, "1MiB")],
)
def test_a_type_has_one_shape(kind: Any, fits: str) -> None:
    texts = ("{}", "[]", fits if fits not in ("{}", "[]") else "x")
    found = [text for text in texts if has_shape_of(yaml.compose(text), inspect.type_info(kind))]
    assert found == [fits]


@pytest.mark.parametrize(
    ("kind", "words"),
    [(str, "text"), (list[int], "a list"), (float, "a number"), (Size, Size.expected), (dict[str, int], "a mapping")],
)
def test_a_type_is_described(kind: Any, words: str) -> None:
    assert describe_type(inspect.type_info(kind)) == words
