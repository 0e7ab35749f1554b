from __future__ import annotations

import pytest

from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse


def test_an_object_is_opened() -> None:
    assert parse_success_body(b'{"id":"x"}') == {"id": "x"}


@pytest.mark.parametrize(
    "data, says",
    [(b"<html>", "not JSON"), (b"", "not JSON"), (b"[]", "without an answer"), (b"{}", "without an answer"),
     (b'{"error":{"message":"no luck"}}', "no luck"), (b'{"error":"busy"}', "busy")],
)  # fmt: skip
def test_what_is_no_answer_is_a_bad_answer_that_says_why(data: bytes, says: str) -> None:
    with pytest.raises(MalformedResponse, match=says):
        parse_success_body(data)
