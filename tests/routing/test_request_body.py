"""Members are converted to their types, or rejected by name; other members are ignored."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidRequestError
from proxy.routing.request_body import ChatBody, CompletionsBody, RequestBody, ResponsesBody, parse_body

NAMES = [*ChatBody.__struct_fields__, "max_output_tokens", "role", "unknown"]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", [RequestBody, ChatBody, CompletionsBody, ResponsesBody])
def test_null_is_the_same_as_a_missing_member(kind: type[RequestBody]) -> None:
    assert parse_body(dict.fromkeys(kind.__struct_fields__), kind) == parse_body({}, kind) == kind()


def test_a_member_is_checked_only_for_endpoints_that_have_it() -> None:
    body: dict[str, Any] = {"max_tokens": "many", "messages": None}
    assert parse_body(body, ResponsesBody) == ResponsesBody()
    for kind, param in ((CompletionsBody, "max_tokens"), (ChatBody, "max_tokens")):
        with pytest.raises(InvalidRequestError) as caught:
            parse_body(body, kind)
        assert caught.value.param == param


@given(st.dictionaries(st.sampled_from(NAMES), values, max_size=4))
def test_any_json_object_is_parsed_or_rejected_by_name(body: dict[str, Any]) -> None:
    try:
        parse_body(orjson.loads(orjson.dumps(body)), ChatBody)
    except InvalidRequestError as refusal:
        assert refusal.param and refusal.message.startswith(f"'{refusal.param}' must be ")
