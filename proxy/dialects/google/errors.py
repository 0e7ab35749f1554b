"""Google's errors in OpenAI's words."""

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

# (status, what the error says in its message, status name, reasons or quotas) -> (status, code) that say it better.
_MEANT: tuple[tuple[int, re.Pattern[str], int, str | None], ...] = (
    (400, re.compile(r"API_KEY_INVALID|API key (?:not valid|expired)"), 401, None),
    (400, re.compile(r"token count.*exceed", re.IGNORECASE | re.DOTALL), 400, CONTEXT_LENGTH),
    (400, re.compile(r"billing.*FAILED_PRECONDITION", re.IGNORECASE | re.DOTALL), 429, "insufficient_quota"),
    (400, re.compile(r"location is not supported"), 403, None),
    (400, re.compile(r"Cannot find field"), 400, "unknown_parameter"),
    (429, re.compile(r"PerDay|limit: 0\b"), 429, "insufficient_quota"),
    (503, re.compile(r"UNAVAILABLE|overloaded"), 503, OVERLOADED),
)


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """An answer that is no 200."""
    said = unwrap_list(parse_or_none(body))
    members = said.get("error") if isinstance(said, dict) else None
    if not isinstance(members, dict):
        return error_response(status, headers, message_from_body(body))
    return error_from_object(members, status, headers)


def error_from_object(
    members: Mapping[str, Any], status: int = 0, headers: Headers | None = None
) -> UpstreamErrorResponse:
    """Google's error object; in a stream the status is the one it names itself."""
    status = status or _status(members)
    details = _objects(members.get("details"))
    message = message_from_value(members) or text_of(members.get("status")) or "no reason given"
    words = " ".join([message, str(members.get("status")), *_words(details)])
    status, code = next(
        ((meant, code) for at, pattern, meant, code in _MEANT if at == status and pattern.search(words)), (status, None)
    )
    return error_response(status, {**(headers or {}), **_wait(details)}, message, code=code)


def _status(members: Mapping[str, Any]) -> int:
    code = members.get("code")
    return code if isinstance(code, int) and code >= 400 else HTTP_STATUS.get(str(members.get("status")), 500)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _words(details: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for detail in details:
        yield str(detail.get("reason", ""))
        for violation in _objects(detail.get("violations")):
            yield str(violation.get("quotaId", ""))


def _wait(details: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """google.rpc.RetryInfo as the headers that OpenAI's clients read."""
    for detail in details:
        seconds = parse_duration(str(detail.get("retryDelay")))
        if seconds is not None:
            return {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(round(seconds * 1000))}
    return {}
