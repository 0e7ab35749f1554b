"""Thought signatures go out in `extra_content` and come back from there."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.signatures import extra_content, thought_signature


def test_a_signature_comes_back_as_it_went_out() -> None:
    assert thought_signature(extra_content({"text": "", "thoughtSignature": "c2ln+/=="})) == "c2ln+/=="
    assert extra_content({"text": "a"}) == {}


@pytest.mark.parametrize("value", [None, 5, {"google": 5}, {"google": {}}, {"google": {"thought_signature": ""}},
                                   {"google": {"thought_signature": "not base64"}}])  # fmt: skip
def test_anything_else_is_none(value: Any) -> None:
    assert thought_signature({"extra_content": value}) is None
