"""What of a request's body a decision needs, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from proxy.errors import InvalidRequest


class Facts(Struct, frozen=True):
    """The request as routing sees it."""

    endpoint: str = ""
    model: str = ""
    stream: bool = False
    show_usage: bool = False
    """Whether the caller asked for a usage chunk at the stream's end."""
    prompt_tokens: int = 0
    """An estimate: four bytes of text a token, before it is calibrated."""
    max_tokens: int | None = None
    """What the answer may have at most, if the caller says."""
    reasoning_tokens: int = 0
    """What of the answer is set aside for reasoning."""
    n: int = 1
    needs: frozenset[str] = frozenset()
    """Of `tools`, `images`, `json_schema`: what the target must take."""


def parsed(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidRequest."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object", code="invalid_type")
    return body


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "chat": ("messages",),
    "completions": ("prompt",),
    "embeddings": ("input",),
    "images": ("prompt",),
    "moderations": ("input",),
    "responses": (),  # what continues a stored prompt has none of its own
}
"""What each endpoint's body must have beside its model."""

LIMITS: Mapping[str, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
"""Where an endpoint's body says how long the answer may be; the others cannot say it."""

_USUAL_MODEL = {"moderations": "omni-moderation-latest"}


def facts(endpoint: str, body: Mapping[str, Any]) -> Facts:
    """The facts of a parsed body. Raises InvalidRequest naming the member that is missing or of the wrong type."""
    text, messages, images = 0, 0, 0
    for name in _NEEDED[endpoint]:
        if name == "messages":
            listed = _member(body, name, list, "an array of messages")
            messages, (text, images) = len(listed), _weighed(listed)
        elif not body.get(name):
            raise InvalidRequest(f"'{name}' is missing or empty", param=name, code="missing_required_parameter")
    options = _optional(body, "stream_options", dict, "an object")
    model = _optional(body, "model", str, "a string") or _USUAL_MODEL.get(endpoint)
    return Facts(
        endpoint=endpoint,
        model=model or _member(body, "model", str, "a string"),
        stream=bool(_optional(body, "stream", bool, "a boolean")),
        show_usage=bool(options and options.get("include_usage")),
        prompt_tokens=(text + _other_text(body)) // BYTES_PER_TOKEN + messages * _PER_MESSAGE + images * _PER_IMAGE,
        max_tokens=next((count for name in LIMITS.get(endpoint, ()) if (count := _count(body, name))), None),
        reasoning_tokens=_reasoning(body),
        n=_count(body, "n") or 1,
        needs=_needs(body, images),
    )


BYTES_PER_TOKEN = 4
_PER_MESSAGE = 4
"""Tokens that a message costs beside its text (OpenAI's cookbook counts three or four)."""
_PER_IMAGE = 765
"""Tokens of a picture of 1024 x 1024 at OpenAI's high detail."""


def _weighed(messages: list[Any]) -> tuple[int, int]:
    """Characters of text, and pictures, of messages that are well formed as far as routing looks at them."""
    text, images = 0, 0
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _misshapen(index, message)
        content, calls = message.get("content"), message.get("tool_calls")
        if isinstance(content, str):
            text += len(content)
        elif isinstance(content, list):
            parts = [part for part in content if isinstance(part, dict)]
            text += sum(len(part["text"]) for part in parts if isinstance(part.get("text"), str))
            images += sum(part.get("type") == "image_url" for part in parts)
        if calls:
            text += len(orjson.dumps(calls))
    return text, images


def _misshapen(index: int, message: Any) -> InvalidRequest:
    if isinstance(message, dict):
        wrong = f"messages[{index}].role"
        return InvalidRequest(f"'{wrong}' must be a string", param=wrong, code="invalid_type")
    wrong = f"messages[{index}]"
    return InvalidRequest(f"'{wrong}' must be an object, got {_shape(message)}", param=wrong, code="invalid_type")


def _other_text(body: Mapping[str, Any]) -> int:
    """Characters of what is read besides messages."""
    values = [body[name] for name in ("tools", "prompt", "input", "instructions") if body.get(name)]
    return sum([len(value) if isinstance(value, str) else len(orjson.dumps(value)) for value in values])


def _needs(body: Mapping[str, Any], images: int) -> frozenset[str]:
    shape = body.get("response_format")
    needs = []
    if body.get("tools") or body.get("functions"):
        needs.append("tools")
    if images:
        needs.append("images")
    if isinstance(shape, dict) and shape.get("type") == "json_schema":
        needs.append("json_schema")
    return frozenset(needs)


def _reasoning(body: Mapping[str, Any]) -> int:
    """The budget in Anthropic's spelling, or in OpenRouter's."""
    for holder, name in (("thinking", "budget_tokens"), ("reasoning", "max_tokens")):
        value = body.get(holder)
        budget = value.get(name) if isinstance(value, dict) else None
        if isinstance(budget, int) and budget > 0:
            return int(budget)
    return 0


def _count(body: Mapping[str, Any], name: str) -> int | None:
    value = _optional(body, name, int, "a whole number")
    if value is not None and (isinstance(value, bool) or value < 1):
        raise InvalidRequest(f"'{name}' must be a whole number above 0", param=name, code="invalid_value")
    return int(value) if value is not None else None


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


def _shape(value: Any) -> str:
    shapes = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return shapes.get(type(value), "an object")
