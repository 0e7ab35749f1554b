"""Classifies provider errors, for every dialect: status and code -> the trigger that failover rules name.

Also finds the message in an error body of any known shape, and builds the error in OpenAI's envelope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.lenient_json import parse, to_well_formed
from proxy.errors import MalformedResponse, UpstreamError, UpstreamErrorResponse
from proxy.messages import Headers

CONTEXT_LENGTH = "context_length_exceeded"
OVERLOADED = "server_is_overloaded"
CONTENT_FILTER = "content_filter"

_BY_CODE = {
    CONTEXT_LENGTH: "context_length",
    OVERLOADED: "model_overloaded",
    "slow_down": "model_overloaded",
    "overloaded_error": "model_overloaded",
    "overloaded": "model_overloaded",
    "model_overloaded": "model_overloaded",
    "server_overloaded": "model_overloaded",
    "engine_overloaded": "model_overloaded",
    "engine_overloaded_error": "model_overloaded",
    # The model's own output was not usable, with a status that blames the caller. Another turn may succeed.
    "tool_use_failed": "server_error",
    "json_validate_failed": "server_error",
    "output_parse_failed": "server_error",
    "content_policy_violation": "content_filter",
    "content_filter": "content_filter",
    "data_inspection_failed": "content_filter",
    "invalid_prompt": "content_filter",
    "insufficient_quota": "quota",
    "credit_balance_exhausted": "quota",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "upstream_timeout": "timeout",
    "timeout_error": "timeout",
    "invalid_request_error": "invalid_request",
}
_GENERIC_TYPE = "invalid_request_error"
"""The type that OpenAI gives to most 4xx errors, wrong keys and unknown models included: the status is more specific."""
_STATUS_BY_TRIGGER = {
    "context_length": 400,
    "content_filter": 400,
    "invalid_request": 400,
    "quota": 429,
    "rate_limit": 429,
    "model_overloaded": 503,
    "timeout": 504,
}
_BY_STATUS = {
    401: "auth_error",
    402: "quota",
    403: "auth_error",
    404: "not_found",
    408: "timeout",
    425: "server_error",
    429: "rate_limit",
    504: "timeout",
    529: "model_overloaded",
}
_TYPE_AND_CODE = {
    400: ("invalid_request_error", "invalid_request"),
    401: ("authentication_error", "upstream_auth_error"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", "upstream_permission_error"),
    404: ("invalid_request_error", "model_not_found"),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", "invalid_request"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", OVERLOADED),
    504: ("server_error", "upstream_timeout"),
    529: ("server_error", OVERLOADED),
}
_SNIPPET_BYTES = 500
_MAX_DEPTH = 8
_MESSAGE_KEYS = ("error", "message", "detail", "errors", "msg", "title")
_OVERLOADED_MESSAGE = re.compile(r"overloaded|(?:at|over|exceeded?) capacity|capacity exceeded", re.IGNORECASE)


def trigger_of(status: int, code: str | None) -> str:
    """Return the failover trigger of an error: `rate_limit`, `server_error`, `model_overloaded`, `invalid_request` and so on.

    A known code decides, except OpenAI's generic type where the status is more specific, and `slow_down` with a 429.
    """
    is_generic = code == _GENERIC_TYPE and status in _BY_STATUS
    if code in _BY_CODE and not is_generic and (code, status) != ("slow_down", 429):
        return _BY_CODE[code]
    return _BY_STATUS.get(status, "server_error" if status >= 500 or status < 400 else "invalid_request")


def specific_code(names: Iterable[Any]) -> str | None:
    """Return the first of these codes and types of an error that decides its trigger, or None."""
    return next((name for name in names if isinstance(name, str) and name in _BY_CODE and name != _GENERIC_TYPE), None)


def error_response(
    status: int, headers: Headers, message: str, *, code: str | None = None, param: str | None = None,
    body: bytes | None = None,
) -> UpstreamErrorResponse:  # fmt: skip
    """Return the error in OpenAI's envelope. `type`, and `code` where the provider sent none, come from the status.

    `body` is the provider's own body if it is such an envelope already: it is sent to the caller unchanged.
    """
    if status >= 500 and specific_code([code]) is None and _OVERLOADED_MESSAGE.search(message):
        code = OVERLOADED
    kind, default_code = _TYPE_AND_CODE.get(
        status, ("server_error", "server_error") if status >= 500 else _TYPE_AND_CODE[400]
    )
    members = {"message": message, "type": kind, "param": param, "code": code or default_code}
    members = {name: to_well_formed(value) if value else value for name, value in members.items()}
    shown = 503 if status == 529 else status if 400 <= status < 600 else 502
    return UpstreamErrorResponse(shown, members, trigger=trigger_of(status, code), headers=headers, body=body)


def error_from_stream(error: Any) -> UpstreamError:
    """Return the failure for the error in an error event, whatever its JSON type. The code decides, as an event has no status."""
    sent = error if isinstance(error, Mapping) else {}
    members = {name: _as_text(sent.get(name)) for name in ("type", "param", "code")}
    message = to_well_formed(message_from_value(error) or "the provider ended the stream with an error")
    if members["code"] == MalformedResponse.code:
        return MalformedResponse(message)
    known = specific_code((members["code"], members["type"]))
    kind = trigger_of(500, known or members["code"] or members["type"] or "server_error")
    return UpstreamErrorResponse(_STATUS_BY_TRIGGER.get(kind, 502), {"message": message, **members}, trigger=kind)


def _as_text(value: Any) -> str | None:
    """Return a code or a type as text, or None if it is neither text nor a number."""
    return to_well_formed(str(value)) if isinstance(value, (str, int, float)) and value else None


def message_from_body(body: bytes) -> str:
    """Return the message in an error body of any known shape, else the body's beginning. An HTML page is not shown."""
    try:
        value = parse(body)
    except ValueError:
        text = body[:_SNIPPET_BYTES].decode("utf-8", "replace").strip()
        return "the provider answered with a page, not an error" if text.startswith("<") else text or "no reason given"
    return message_from_value(value) or body[:_SNIPPET_BYTES].decode("utf-8", "replace")


def message_from_value(value: Any) -> str | None:
    """Return the message of a parsed error in any known shape, or None if it has none."""
    return _find_message(value, _MAX_DEPTH)


def _find_message(value: Any, depth: int) -> str | None:
    """Return the first text under one of `_MESSAGE_KEYS`, up to `depth` levels down, in a list in its first item."""
    if depth == 0:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return _find_message(value[0], depth - 1) if value else None
    if isinstance(value, Mapping):
        found = (_find_message(value.get(key), depth - 1) for key in _MESSAGE_KEYS)
        return next(filter(None, found), None)
    return None
