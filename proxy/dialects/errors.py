"""The class of a provider's refusal, decided in this one place (wire-format facts: status codes and OpenAI's codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.lenient_json import parse, to_well_formed
from proxy.errors import MalformedResponse, UpstreamError, UpstreamErrorResponse
from proxy.headers import to_downstream
from proxy.messages import Headers

CONTEXT_LENGTH = "context_length_exceeded"
OVERLOADED = "server_is_overloaded"

_BY_CODE = {
    CONTEXT_LENGTH: "context_length",
    OVERLOADED: "model_overloaded",
    "slow_down": "model_overloaded",
    "overloaded_error": "model_overloaded",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "invalid_prompt": "content_filter",
    "insufficient_quota": "quota",
    "credit_balance_exhausted": "quota",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "upstream_timeout": "timeout",
    "timeout_error": "timeout",
    "invalid_request_error": "invalid_request",
}
_ANY = "invalid_request_error"
"""OpenAI's type for whatever is refused, keys and models among it: the status says more."""
_USUAL_STATUS = {
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
_TYPE = {
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
_SNIPPET = 500
_DEPTH = 8


def trigger_of(status: int, code: str | None) -> str:
    """The class that failover rules name: `rate_limit`, `server_error`, `model_overloaded`, `invalid_request` …"""
    if code in _BY_CODE and (code, status) != ("slow_down", 429) and not (code == _ANY and status in _BY_STATUS):
        return _BY_CODE[code]
    return _BY_STATUS.get(status, "server_error" if status >= 500 or status < 400 else "invalid_request")


def error_response(
    status: int, headers: Headers, message: str, *, code: str | None = None, param: str | None = None,
    body: bytes | None = None,
) -> UpstreamErrorResponse:  # fmt: skip
    """The refusal in OpenAI's envelope; what the provider's own words do not name comes from the status."""
    kind, usual_code = _TYPE.get(status, ("server_error", "server_error") if status >= 500 else _TYPE[400])
    members = {"message": message, "type": kind, "param": param, "code": code or usual_code}
    members = {name: to_well_formed(value) if value else value for name, value in members.items()}
    shown = 503 if status == 529 else status if 400 <= status < 600 else 502
    return UpstreamErrorResponse(
        shown, members, trigger=trigger_of(status, code), headers=to_downstream(headers), body=body
    )


def error_from_stream(error: Any) -> UpstreamError:
    """Return the failure for the error of an error event, of whatever type; its code stands for the missing status."""
    given = error if isinstance(error, Mapping) else {}
    members = {name: _word(given.get(name)) for name in ("type", "param", "code")}
    message = to_well_formed(message_from_value(error) or "the provider broke off with an error")
    if members["code"] == MalformedResponse.code:
        return MalformedResponse(message)
    kind = trigger_of(500, members["code"] or members["type"] or "server_error")
    return UpstreamErrorResponse(_USUAL_STATUS.get(kind, 502), {"message": message, **members}, trigger=kind)


def _word(value: Any) -> str | None:
    """Return a code or a type as text; None if it is neither text nor a number."""
    return to_well_formed(str(value)) if isinstance(value, (str, int, float)) and value else None


def message_from_body(body: bytes) -> str:
    """What a provider's error body says, whichever of the known shapes it has; never a page of HTML."""
    try:
        said = parse(body)
    except ValueError:
        text = body[:_SNIPPET].decode("utf-8", "replace").strip()
        return "the provider answered with a page, not an error" if text.startswith("<") else text or "no reason given"
    return message_from_value(said) or body[:_SNIPPET].decode("utf-8", "replace")


def message_from_value(value: Any) -> str | None:
    """Return the text of an error in any of the known shapes; None if there is none."""
    return _said(value, _DEPTH)


def _said(value: Any, depth: int) -> str | None:
    """error, message, detail: the first that leads to text, so many levels down; lists by their first item."""
    if depth == 0:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return _said(value[0], depth - 1) if value else None
    if isinstance(value, Mapping):
        found = (_said(value.get(key), depth - 1) for key in ("error", "message", "detail", "msg", "title"))
        return next(filter(None, found), None)
    return None
