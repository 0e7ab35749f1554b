"""A refusal of an OpenAI-shaped host, in whichever of the known shapes it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.faults import CONTEXT_LENGTH, message_of, refused
from proxy.dialects.meta.tables import CODES, TOO_LONG
from proxy.dialects.openai import response as openai
from proxy.dialects.parse import parse_or_none
from proxy.dialects.shapes import object_of
from proxy.errors import Refused
from proxy.messages import Headers

_STATUS = {CONTEXT_LENGTH: 400, "model_not_found": 404}
_INPUT = frozenset({400, 403, 413, 422})


def error(status: int, headers: Headers, body: bytes) -> Refused:
    """OpenAI's envelope as it came, others put into it; that the conversation is too long is told by the words."""
    members = object_of(parse_or_none(body))
    message = message_of(body)
    inner = members.get("error")
    code = None if object_of(inner).get("code") == CONTEXT_LENGTH else _code(status, members, message)
    if code is None and inner:
        return openai.error(status, headers, body)
    return refused(_STATUS.get(code or "", status), headers, message, code=code, param=_param(members))


def _code(status: int, members: Mapping[str, Any], message: str) -> str | None:
    if status in _INPUT and TOO_LONG.search(message):
        return CONTEXT_LENGTH
    return next((CODES[word] for word in _words(members) if word in CODES), None)


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
