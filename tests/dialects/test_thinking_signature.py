"""A signature holds members, and is no vendor's own."""

from __future__ import annotations

import pytest

from proxy.dialects.thinking_signature import pack, unpack


@pytest.mark.parametrize("members", [{}, {"call": "c", "extra_content": {"x": "🦜/+="}}])
def test_what_is_packed_comes_back(members: dict[str, object]) -> None:
    assert unpack(pack(members)) == members


@pytest.mark.parametrize("signature", [None, 5, "", "EqQBCkYIARgCKkA=", "c2ln"])
def test_a_vendors_signature_is_none_of_ours(signature: object) -> None:
    assert unpack(signature) is None


@pytest.mark.parametrize("signature", ["parrot.", "parrot.x", "parrot.é", "parrot.bm8", "parrot.W10"])
def test_what_is_not_readable_holds_nothing(signature: str) -> None:
    assert unpack(signature) == {}
