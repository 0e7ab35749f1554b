"""Translates errors that come in OpenAI's envelope, `{"error": {"message": ..., "type": ..., "code": ...}}`."""

from __future__ import annotations

from typing import Any

from proxy.dialects.errors import error_response, message_from_body, specific_code
from proxy.dialects.lenient_json import parse_or_none, to_utf8
from proxy.errors import UpstreamErrorResponse
from proxy.messages import Headers


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """Return the error. An envelope reaches the caller byte for byte if the error is the caller's (4xx but 401 and 403).

    An envelope whose message is not a string is not readable for clients, and is rewritten.
    """
    members = _error_members(body)
    message = message_from_body(body)
    if members is None:
        return error_response(status, headers, message)
    names, param = (members.get("code"), members.get("type")), members.get("param")
    code = specific_code(names) or names[0] or names[1]
    is_envelope = body.lstrip()[:1] == b"{" and isinstance(members["message"], str)
    own = to_utf8(body) if is_envelope and 400 <= status < 500 and status not in (401, 403) else None
    return error_response(status, headers, message, code=_text(code), param=_text(param), body=own)


def _error_members(body: bytes) -> dict[str, Any] | None:
    """Return the members of the envelope, or None if the body is neither one nor a list of them."""
    parsed = parse_or_none(body)
    parsed = parsed[0] if isinstance(parsed, list) and parsed else parsed
    members = parsed.get("error") if isinstance(parsed, dict) else None
    return members if isinstance(members, dict) and members.get("message") else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
