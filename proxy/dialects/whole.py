"""A whole answer, opened: what a dialect does first with a 200."""

from __future__ import annotations

from typing import Any

from proxy.dialects.faults import message_of
from proxy.dialects.parse import parse
from proxy.errors import BadAnswer


def opened(data: bytes) -> dict[str, Any]:
    """The JSON object of a 200. Raises BadAnswer if it is none, is empty, or holds an error."""
    try:
        body = parse(data)
    except ValueError as error:
        raise BadAnswer("the provider answered 200 with something that is not JSON") from error
    if not isinstance(body, dict) or not body:
        raise BadAnswer("the provider answered 200 without an answer in it")
    if body.get("error"):
        raise BadAnswer(f"the provider answered 200 with an error: {message_of(data)}")
    return body
