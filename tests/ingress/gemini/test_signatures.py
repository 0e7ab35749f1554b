"""Signatures bring back what another vendor, or Google, wants with its calls."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.tables import SKIP_SIGNATURE_VALIDATOR
from proxy.dialects.thinking_signature import pack_base64
from proxy.ingress.gemini.signatures import call_signature, extra_content_of, signature_of, thinking_of

BLOCKS = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]
GOOGLE = {"google": {"thought_signature": "b3du"}}


def test_googles_own_signature_passes() -> None:
    assert extra_content_of("b3du") == {"extra_content": GOOGLE}
    assert (
        call_signature({"extra_content": GOOGLE}, [], is_first=False)
        == "b3du"
        == signature_of({"extra_content": GOOGLE})
    )


@pytest.mark.parametrize("extra", [{}, {"other": {"key": "ß" * 50}}, {"other": 1, **GOOGLE}])
@pytest.mark.parametrize("blocks", [[], BLOCKS])
def test_what_a_signature_holds_comes_back(extra: dict[str, Any], blocks: list[Any]) -> None:
    signature = call_signature({"extra_content": extra}, blocks, is_first=True)
    for spelling in (signature, signature.replace("+", "-").replace("/", "_").rstrip("=")):  # as its SDKs write bytes
        assert extra_content_of(spelling).get("extra_content", {}) == extra
        assert thinking_of(spelling) == blocks


def test_the_first_call_of_another_vendor_is_signed_so_that_google_accepts_it() -> None:
    assert call_signature({}, [], is_first=True) == SKIP_SIGNATURE_VALIDATOR
    assert call_signature({}, BLOCKS, is_first=False) == ""
    assert extra_content_of(SKIP_SIGNATURE_VALIDATOR) == {}


@pytest.mark.parametrize(
    "signature", [None, 5, "", pack_base64({}), pack_base64({"extra_content": 5, "thinking_blocks": 5})]
)
def test_what_says_nothing_brings_back_nothing(signature: Any) -> None:
    assert extra_content_of(signature) == {} and thinking_of(signature) == []
