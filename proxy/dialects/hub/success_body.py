"""Parses and checks the body of a 200 response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.dialects.errors import message_from_body
from proxy.dialects.lenient_json import parse, with_exact_integers
from proxy.errors import MalformedResponse


def parse_success_body(data: bytes, unwrap: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    """Parse the JSON object in a 200 body, with exact integers, as tool arguments have them.

    `unwrap` may take it out of what a provider puts around it.

    Raises MalformedResponse if it is not an object, is empty, or contains an error.
    """
    try:
        parsed = with_exact_integers(parse(data), data)
        body = parsed if unwrap is None else unwrap(parsed)
    except ValueError as error:
        raise MalformedResponse("the provider answered 200 with something that is not JSON") from error
    if not isinstance(body, dict) or not body:
        raise MalformedResponse("the provider answered 200 without an answer in it")
    if body.get("error"):
        raise MalformedResponse(f"the provider answered 200 with an error: {message_from_body(data)}")
    return body
