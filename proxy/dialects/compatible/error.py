"""A refusal of an OpenAI-shaped host, in whichever of the known shapes it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.compatible.tables import CONTEXT_LENGTH_PATTERN, ERROR_CODES
from proxy.dialects.errors import CONTEXT_LENGTH, error_response, message_from_body
from proxy.dialects.hub import error_envelope
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import UpstreamErrorResponse
from proxy.messages import Headers

_STATUS = {CONTEXT_LENGTH: 400, "model_not_found": 404}
_INPUT = frozenset({400, 403, 413, 422})


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """OpenAI's envelope as it came, others put into it; that the conversation is too long is told by the words."""
    members = object_of(parse_or_none(body))
    message = message_from_body(body)
    inner = members.get("error")
    code = None if object_of(inner).get("code") == CONTEXT_LENGTH else _code(status, members, message)
    if code is None and inner:
        return error_envelope.translate_error(status, headers, body)
    return error_response(_STATUS.get(code or "", status), headers, message, code=code, param=_param(members))


def _code(status: int, members: Mapping[str, Any], message: str) -> str | None:
    if status in _INPUT and CONTEXT_LENGTH_PATTERN.search(message):
        return CONTEXT_LENGTH
    return next((ERROR_CODES[word] for word in _words(members) if word in ERROR_CODES), None)


def _words(members: Mapping[str, Any]) -> Iterable[str]:
    """What a body names its error by."""
    for holder in (object_of(members.get("error")), members, _detail(members)):
        yield from (str(holder[key]) for key in ("code", "type") if holder.get(key))


def _param(members: Mapping[str, Any]) -> str | None:
    """The path of the first complaint of a validation."""
    place = _detail(members).get("loc")
    path = ".".join(str(step) for step in place if step != "body") if isinstance(place, list) else ""
    return path or None


def _detail(members: Mapping[str, Any]) -> dict[str, Any]:
    """The first complaint of a validation, which may stand under `message`."""
    for holder in (members, object_of(members.get("message"))):
        detail = holder.get("detail")
        if isinstance(detail, list) and detail:
            return object_of(detail[0])
    return {}
