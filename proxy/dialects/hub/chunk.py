"""Decodes a chunk, a typed event or a whole completion of an OpenAI host: only the members that the sidecar reads.

A member of the wrong type is treated as missing, so that an unusual response never causes an error in the sidecar.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import MsgspecError, Struct, ValidationError, convert
from msgspec.json import Decoder
from msgspec.structs import fields

from proxy.dialects.lenient_json import parse_or_none

DONE = b"[DONE]"
"""Data of the event that ends a chat stream."""


class Choice(Struct, frozen=True):
    """One choice of a chunk or a completion."""

    index: int | None = None
    delta: Any = None
    finish_reason: Any = None
    text: Any = None


class ResponseObject(Struct, frozen=True):
    """The `response` member of a typed event."""

    model: str | None = None
    usage: dict[str, Any] | None = None


class Chunk(Struct, frozen=True):
    """A JSON object of an OpenAI host, or None for a member that is missing or of the wrong type."""

    id: Any = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    type: Any = None
    response: ResponseObject | None = None


_decode = Decoder(Chunk).decode
_CONVERT_ERRORS = (ValidationError, UnicodeEncodeError)
"""What `convert` raises for a value of the wrong type, and for a string with a lone surrogate."""


def decode_chunk(data: bytes) -> Any:
    """Decode JSON: an object as a Chunk, any other value as it is, or None for invalid JSON."""
    try:
        # msgspec does not check the UTF-8 of what it skips, decoding to text first does.
        return _decode(data if data.isascii() else str(data, "utf-8"))
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        value = parse_or_none(data)
        return chunk_from_object(value) if isinstance(value, dict) else value


def chunk_from_object(members: Mapping[str, Any]) -> Chunk:
    """Return the Chunk of a JSON object that is parsed already."""
    try:
        return convert(members, Chunk)
    except _CONVERT_ERRORS:
        listed = members.get("choices")
        if isinstance(listed, list):
            choices = [_well_typed(choice, Choice) for choice in listed if isinstance(choice, dict)]
            members = {**members, "choices": choices}
        if isinstance(response := members.get("response"), dict):
            members = {**members, "response": _well_typed(response, ResponseObject)}
        return convert(_well_typed(members, Chunk), Chunk)


def _well_typed(members: Mapping[str, Any], kind: type[Struct]) -> dict[str, Any]:
    """Return the members that have the type of their field in `kind`."""
    given = {name: members.get(name) for name in _FIELD_TYPES[kind]}
    return {
        name: value for name, value in given.items() if value is not None and _has_type(value, _FIELD_TYPES[kind][name])
    }


_FIELD_TYPES: Mapping[type[Struct], Mapping[str, Any]] = {
    kind: {field.name: field.type for field in fields(kind)} for kind in (Choice, ResponseObject, Chunk)
}


def _has_type(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    try:
        convert(value, kind)
    except _CONVERT_ERRORS:
        return False
    return True
