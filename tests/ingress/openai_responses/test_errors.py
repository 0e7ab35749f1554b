"""The Responses API has a typed error event and no `[DONE]`."""

from __future__ import annotations

import orjson

from proxy.errors import ParrotError, UpstreamErrorResponse
from proxy.ingress.openai_responses import OPENAI_RESPONSES
from proxy.sse import decode


def test_nothing_is_added_to_a_complete_stream() -> None:
    assert OPENAI_RESPONSES.terminal == b""


def test_an_error_event_is_typed_and_has_the_member_that_sdks_raise_for() -> None:
    event = decode(OPENAI_RESPONSES.error_event(ParrotError("no", param="model", code="c")))
    assert event.name == "error"
    assert orjson.loads(event.data or b"") == {
        "type": "error",
        "sequence_number": 0,
        "code": "c",
        "message": "no",
        "param": "model",
        "error": {"message": "no", "type": "server_error", "param": "model", "code": "c"},
    }


def test_an_error_body_is_the_providers_own_where_there_is_one() -> None:
    own = b'{"error": {"message": "no", "odd": 1}}'
    error = UpstreamErrorResponse(400, {"message": "no"}, trigger="invalid_request", body=own)
    assert OPENAI_RESPONSES.error_body(error) == own
