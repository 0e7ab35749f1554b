"""Translates Google's errors into OpenAI's format."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.errors import CONTEXT_LENGTH, OVERLOADED, error_response, message_from_body, message_from_value
from proxy.dialects.google.response import unwrap_list
from proxy.dialects.google.tables import HTTP_STATUS
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import UpstreamErrorResponse
from proxy.messages import Headers
from proxy.retry_after import parse_duration

# (HTTP status, patterns that follow each other in: message, status name, reasons and quota ids) -> more specific (HTTP
# status, OpenAI code). The first match applies.
_SPECIFIC_ERRORS: tuple[tuple[int, tuple[re.Pattern[str], ...], int, str | None], ...] = (
    (400, (re.compile(r"API_KEY_INVALID|API key (?:not valid|expired)"),), 401, None),
    (400, (re.compile(r"token count", re.IGNORECASE), re.compile(r"exceed", re.IGNORECASE)), 400, CONTEXT_LENGTH),
    (400, (re.compile(r"billing", re.IGNORECASE), re.compile(r"FAILED_PRECONDITION")), 429, "insufficient_quota"),
    (400, (re.compile(r"location is not supported"),), 403, None),
    (400, (re.compile(r"Cannot find field"),), 400, "unknown_parameter"),
    (429, (re.compile(r"PerDay|limit: 0\b"),), 429, "insufficient_quota"),
    (503, (re.compile(r"UNAVAILABLE|overloaded"),), 503, OVERLOADED),
)


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """Translate an error response, whether or not its body is in Google's error format."""
    parsed = unwrap_list(parse_or_none(body))
    error_object = parsed.get("error") if isinstance(parsed, dict) else None
    if not isinstance(error_object, dict):
        return error_response(status, headers, message_from_body(body))
    return error_from_object(error_object, status, headers)


def error_from_object(
    error_object: Mapping[str, Any], status: int = 0, headers: Headers | None = None
) -> UpstreamErrorResponse:
    """Translate Google's error object. In a stream there is no HTTP status: `status` 0 takes the one in the object."""
    status = status or _status_of(error_object)
    details = _objects(error_object.get("details"))
    message = message_from_value(error_object) or text_of(error_object.get("status")) or "no reason given"
    searched = " ".join([message, str(error_object.get("status")), *_detail_texts(details)])
    status, code = _specific_error(status, searched)
    return error_response(status, {**(headers or {}), **_retry_headers(details)}, message, code=code)


def _specific_error(status: int, searched: str) -> tuple[int, str | None]:
    for given, patterns, specific_status, code in _SPECIFIC_ERRORS:
        if given == status and _follow_each_other(patterns, searched):
            return specific_status, code
    return status, None


def _follow_each_other(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    """Return whether each pattern matches after the one before it. One pattern with `.*` would take quadratic time."""
    end = 0
    for pattern in patterns:
        found = pattern.search(text, end)
        if found is None:
            return False
        end = found.end()
    return True


def _status_of(error_object: Mapping[str, Any]) -> int:
    code = error_object.get("code")
    return code if isinstance(code, int) and code >= 400 else HTTP_STATUS.get(str(error_object.get("status")), 500)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _detail_texts(details: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for detail in details:
        yield str(detail.get("reason", ""))
        for violation in _objects(detail.get("violations")):
            yield str(violation.get("quotaId", ""))


def _retry_headers(details: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Translate google.rpc.RetryInfo into the headers that OpenAI clients read."""
    for detail in details:
        seconds = parse_duration(str(detail.get("retryDelay")))
        if seconds is not None:
            return {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(round(seconds * 1000))}
    return {}
