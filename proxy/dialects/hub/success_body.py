"""A whole answer, opened: what a dialect does first with a 200."""

from __future__ import annotations

from typing import Any

from proxy.dialects.errors import message_from_body
from proxy.dialects.lenient_json import parse
from proxy.errors import MalformedResponse


def parse_success_body(data: bytes) -> dict[str, Any]:
    """The JSON object of a 200. Raises MalformedResponse if it is none, is empty, or holds an error."""
    try:
        body = parse(data)
    except ValueError as error:
        raise MalformedResponse("the provider answered 200 with something that is not JSON") from error
    if not isinstance(body, dict) or not body:
        raise MalformedResponse("the provider answered 200 without an answer in it")
    if body.get("error"):
        raise MalformedResponse(f"the provider answered 200 with an error: {message_from_body(data)}")
    return body
