"""A signature holds members, and is no vendor's own."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from proxy.dialects.thinking_signature import BASE64_MARK, pack, pack_base64, unpack, unpack_base64


@pytest.mark.parametrize("members", [{}, {"call": "c", "extra_content": {"x": "🦜/+="}}])
def test_what_is_packed_comes_back(members: dict[str, object]) -> None:
    assert unpack(pack(members)) == members


@pytest.mark.parametrize("signature", [None, 5, "", "EqQBCkYIARgCKkA=", "c2ln"])
def test_a_vendors_signature_is_none_of_ours(signature: object) -> None:
    assert unpack(signature) is None


@pytest.mark.parametrize("signature", ["parrot.", "parrot.x", "parrot.é", "parrot.bm8", "parrot.W10"])
def test_what_is_not_readable_holds_nothing(signature: str) -> None:
    assert unpack(signature) == {}


@pytest.mark.parametrize("members", [{}, {"call": "c", "extra_content": {"x": "🦜/+=>>>???"}}])
def test_as_base64_it_comes_back_in_either_alphabet(members: dict[str, object]) -> None:
    signature = pack_base64(members)
    assert signature.encode().startswith(BASE64_MARK) and b64decode(signature, validate=True)
    assert unpack_base64(signature) == members
    assert unpack_base64(signature.replace("+", "-").replace("/", "_").rstrip("=")) == members


@pytest.mark.parametrize(
    "signature", [None, 5, "", "EqQBCkYIARgCKkA=", "c2ln", "cGFycm90", "cGFycm90c2ln", "cGFycm90é", "cGFycm90L"]
)
def test_other_base64_is_none_of_ours(signature: object) -> None:
    assert unpack_base64(signature) is None


def test_base64_that_is_not_readable_holds_nothing() -> None:
    assert unpack_base64(b64encode(b"parrot.no json").decode()) == {}
