"""Translates an error of an OpenAI-compatible host, in any of the known shapes (OpenAI, Mistral, FastAPI, Ollama ...)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.compatible.tables import CONTENT_FILTER_PATTERN, CONTEXT_LENGTH_PATTERN, ERROR_CODES
from proxy.dialects.errors import (
    CONTENT_FILTER,
    CONTEXT_LENGTH,
    OVERLOADED,
    error_response,
    message_from_body,
    specific_code,
)
from proxy.dialects.hub import error_envelope
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import UpstreamErrorResponse
from proxy.messages import Headers

_STATUS_BY_CODE = {CONTEXT_LENGTH: 400, CONTENT_FILTER: 400, "model_not_found": 404, OVERLOADED: 503}
_OVERLOADED_STATUSES = frozenset({498, 503})
"""Hosts answer with a 503 while they have no room, and Groq with a 498."""
_INPUT_STATUSES = frozenset({400, 403, 413, 422})


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """Pass OpenAI's envelope on, put other shapes into it. Context-length errors are recognised by their message."""
    parsed = parse_or_none(body)
    members = object_of(parsed[0] if isinstance(parsed, list) and parsed else parsed)
    message = message_from_body(body)
    inner = members.get("error")
    code = None if object_of(inner).get("code") == CONTEXT_LENGTH else _code(status, members, message)
    if code is None and inner:
        return error_envelope.translate_error(status, headers, body)
    return error_response(_STATUS_BY_CODE.get(code or "", status), headers, message, code=code, param=_param(members))


def _code(status: int, members: Mapping[str, Any], message: str) -> str | None:
    if status in _INPUT_STATUSES and CONTEXT_LENGTH_PATTERN.search(message):
        return CONTEXT_LENGTH
    if status in _INPUT_STATUSES and CONTENT_FILTER_PATTERN.search(message):
        return CONTENT_FILTER
    if not members.get("error") and (known := specific_code(_error_names(members))):
        return known
    known = next((ERROR_CODES[name] for name in _error_names(members) if name in ERROR_CODES), None)
    is_overloaded = status in _OVERLOADED_STATUSES and specific_code(_error_names(members)) is None
    return OVERLOADED if known is None and is_overloaded else known


def _error_names(members: Mapping[str, Any]) -> Iterable[str]:
    """Yield the codes and types in a body, from the most to the least specific place."""
    for holder in (object_of(members.get("error")), members, _detail(members)):
        yield from (str(holder[key]) for key in ("code", "type") if holder.get(key))


def _param(members: Mapping[str, Any]) -> str | None:
    """Return the path of the first validation error, such as `messages.0.role`."""
    place = _detail(members).get("loc")
    path = ".".join(str(step) for step in place if step != "body") if isinstance(place, list) else ""
    return path or None


def _detail(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first validation error (FastAPI's `detail`), which may be inside `message`."""
    for holder in (members, object_of(members.get("message"))):
        detail = holder.get("detail")
        if isinstance(detail, list) and detail:
            return object_of(detail[0])
    return {}
