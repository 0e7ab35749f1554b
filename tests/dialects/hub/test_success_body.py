from __future__ import annotations

import pytest

from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse


def test_an_object_is_returned() -> None:
    assert parse_success_body(b'{"id":"x"}') == {"id": "x"}


@pytest.mark.parametrize(
    "data, message",
    [(b"<html>", "not JSON"), (b"", "not JSON"), (b"[]", "without an answer"), (b"{}", "without an answer"),
     (b'{"error":{"message":"no luck"}}', "no luck"), (b'{"error":"busy"}', "busy")],
)  # fmt: skip
def test_anything_else_is_a_malformed_response_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(MalformedResponse, match=message):
        parse_success_body(data)
