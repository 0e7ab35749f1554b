"""Only the given members change; the rest of a request is the caller's bytes."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.hub.request_members import replace_members

ODD = (
    b'"z": [ 1, 123456789012345678901234567890, 1.0, 1.50e0, -0.0 ,1E5]',
    rb'"a": "\u00e9\/\u2028\ud83d\ude00\t" ',
    b'"tools": [{"b": 1 , "a" :2,"b":3}]',
    b'"metadata" : { }',
    '"é": "ü"'.encode(),
)


def test_untouched_subtrees_stay_byte_for_byte_in_their_order() -> None:
    body = replace_members(b'{ "model":"a", ' + b" , ".join(ODD) + b"}", {"model": "up"})
    assert body == (
        b'{"model":"up","z":[ 1, 123456789012345678901234567890, 1.0, 1.50e0, -0.0 ,1E5],'
        rb'"a":"\u00e9\/\u2028\ud83d\ude00\t","tools":[{"b": 1 , "a" :2,"b":3}],"metadata":{ },' + '"é":"ü"}'.encode()
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["messages", "model", "routing", "tools", "x", "y"]), JSON))
def test_only_the_given_members_differ(body: dict[str, Any]) -> None:
    sent = orjson.loads(replace_members(orjson.dumps(body), {"model": "up"}))
    assert sent == {name: value for name, value in body.items() if name != "routing"} | {"model": "up"}
