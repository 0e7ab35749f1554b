"""OpenAI Chat's streams end with `[DONE]`, or with an event that has only an `error`."""

from __future__ import annotations

import orjson

from proxy.errors import ParrotError, UpstreamErrorResponse
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.sse import decode


def test_a_complete_stream_ends_with_done() -> None:
    assert OPENAI_CHAT.terminal == b"data: [DONE]\n\n"


def test_a_ping_is_a_comment() -> None:
    assert OPENAI_CHAT.ping == b": ping\n\n"


def test_an_error_event_has_no_name_and_the_members_of_the_error() -> None:
    event = decode(OPENAI_CHAT.error_event(ParrotError("no", param="model", code="c")))
    assert (event.name, orjson.loads(event.data or b"")) == (
        "",
        {"error": {"message": "no", "type": "server_error", "param": "model", "code": "c"}},
    )


def test_an_error_body_is_the_providers_own_where_there_is_one() -> None:
    own = b'{"error": {"message": "no", "odd": 1}}'
    error = UpstreamErrorResponse(400, {"message": "no"}, trigger="invalid_request", body=own)
    assert OPENAI_CHAT.error_body(error) == own
