"""Sealed reasoning survives the way to the caller and back. Anything else is nothing."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from proxy.dialects.hub.sealed_reasoning import PREFIX, is_sealed, seal, unseal

BLOCKS = {"thinking_blocks": [{"type": "thinking", "thinking": 'ä "x"', "signature": "c2ln"}]}


def test_what_was_sealed_comes_back() -> None:
    text = seal(BLOCKS)
    assert is_sealed(text) and text.isascii() and unseal(text) == BLOCKS


@pytest.mark.parametrize("text", [
    None, 5, "", "gAAAAABo", PREFIX, PREFIX + "!", PREFIX + "ä", PREFIX + "A", seal(BLOCKS)[:-9], seal(BLOCKS) + "A",
    PREFIX + base64.b64encode(b"[1]").decode(), PREFIX + base64.b64encode(b'{"a":' * 400).decode(),
    PREFIX + base64.b64encode(b"[" + b"0," * 300_000 + b"0]").decode(),
])  # fmt: skip
def test_any_other_text_has_nothing_in_it(text: Any) -> None:
    assert unseal(text) in ({}, BLOCKS)
