"""Errors have Anthropic's envelope, with the type that its SDKs and users know for a status."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import LimitReachedError, NotFoundError, OverloadedError, ParrotError, RequestTooLargeError
from proxy.errors import UpstreamErrorResponse as Answered
from proxy.ingress.anthropic_messages import ANTHROPIC_MESSAGES
from proxy.sse import decode


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFoundError("no"), "not_found_error"),
        (RequestTooLargeError("no"), "request_too_large"),
        (LimitReachedError("no"), "rate_limit_error"),
        (OverloadedError("no"), "overloaded_error"),
        (ParrotError("no"), "api_error"),
        (Answered(422, {"message": "no"}, trigger="invalid_request"), "invalid_request_error"),
        (Answered(529, {"message": "no"}, trigger="model_overloaded"), "overloaded_error"),
        (Answered(502, {"message": "no"}, trigger="server_error"), "api_error"),
    ],
)
def test_a_status_has_its_type(error: ParrotError, kind: str) -> None:
    error.request_id = "r1"
    expected = {"type": "error", "error": {"type": kind, "message": "no"}}
    assert orjson.loads(ANTHROPIC_MESSAGES.error_body(error)) == {**expected, "request_id": "r1"}
    event = decode(ANTHROPIC_MESSAGES.error_event(error))
    assert (event.name, orjson.loads(event.data or b"")) == ("error", expected)


def test_further_members_of_the_body_are_kept() -> None:
    error = ParrotError("no")
    error.extra["routing"] = {"plan": []}
    assert orjson.loads(ANTHROPIC_MESSAGES.error_body(error))["routing"] == {"plan": []}


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("maximum context length is 128000 tokens", "prompt is too long: maximum context length is 128000 tokens"),
        ("Prompt is too long: 208310 tokens > 200000 maximum", "Prompt is too long: 208310 tokens > 200000 maximum"),
    ],
)
def test_a_prompt_that_is_too_long_is_one_in_anthropics_words(message: str, sent: str) -> None:
    error = Answered(400, {"message": message, "code": "context_length_exceeded"}, trigger="context_length")
    assert orjson.loads(ANTHROPIC_MESSAGES.error_body(error))["error"]["message"] == sent
