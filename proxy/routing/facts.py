"""What of a request's body a decision needs, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Facts:
    """The request as routing sees it."""

    endpoint: str = ""
    model: str = ""
    stream: bool = False
    show_usage: bool = False
    """Whether the caller asked for a usage chunk at the stream's end."""


def parsed(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidRequest."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object", code="invalid_type")
    return body


def facts(endpoint: str, body: Mapping[str, Any]) -> Facts:
    """The facts of a parsed body. Raises InvalidRequest naming the member that is missing or of the wrong type."""
    _messages(_member(body, "messages", list, "an array of messages"))
    options = _optional(body, "stream_options", dict, "an object") or {}
    return Facts(
        endpoint=endpoint,
        model=_member(body, "model", str, "a string"),
        stream=bool(_optional(body, "stream", bool, "a boolean")),
        show_usage=bool(options.get("include_usage")),
    )


def _member(body: Mapping[str, Any], name: str, kind: type, expected: str) -> Any:
    value = _optional(body, name, kind, expected)
    if not value:
        raise InvalidRequest(f"'{name}' is missing or empty", param=name, code="missing_required_parameter")
    return value


def _optional(body: Mapping[str, Any], name: str, kind: type, expected: str) -> Any:
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise InvalidRequest(f"'{name}' must be {expected}, got {_shape(value)}", param=name, code="invalid_type")
    return value


def _messages(messages: list[Any]) -> None:
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            wrong = f"messages[{index}]"
            raise InvalidRequest(
                f"'{wrong}' must be an object, got {_shape(message)}", param=wrong, code="invalid_type"
            )
        if not isinstance(message.get("role"), str):
            wrong = f"messages[{index}].role"
            raise InvalidRequest(f"'{wrong}' must be a string", param=wrong, code="invalid_type")


def _shape(value: Any) -> str:
    shapes = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return shapes.get(type(value), "an object")
