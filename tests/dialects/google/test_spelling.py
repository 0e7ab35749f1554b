"""A member has one spelling, whichever of Google's two it came in."""

from __future__ import annotations

import pytest

from proxy.dialects.google.spelling import camel_case


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mime_type", "mimeType"),
        ("mimeType", "mimeType"),
        ("top_p", "topP"),
        ("a_1", "a1"),
        ("_a", "A"),
        ("a_", "a_"),
        ("", ""),
        ("a_b" * 100, "a_b" * 100),
    ],
)
def test_a_name_in_camel_case(name: str, expected: str) -> None:
    assert camel_case(name) == expected
