"""What is looked at of a chunk, a typed event or a whole answer; the rest of a chunk is not even decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import MsgspecError, Struct, ValidationError, convert
from msgspec.json import Decoder
from msgspec.structs import fields

from proxy.dialects.lenient_json import parse_or_none

DONE = b"[DONE]"
"""Data of the event that ends a chat stream."""


class Choice(Struct, frozen=True, gc=False):
    """One choice of a chunk or an answer."""

    index: int | None = None
    delta: Any = None
    finish_reason: Any = None
    text: Any = None


class ResponseObject(Struct, frozen=True, gc=False):
    """The answer so far, as a typed event tells it."""

    model: str | None = None
    usage: dict[str, Any] | None = None


class Chunk(Struct, frozen=True, gc=False):
    """A JSON object of an OpenAI host; None where it has no such member, or one of another type."""

    id: Any = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    type: Any = None
    response: ResponseObject | None = None


_decoded = Decoder(Chunk).decode
_UNFIT = (ValidationError, UnicodeEncodeError)
"""What `convert` raises for a value of another type; the latter for a string with a lone surrogate in it."""


def decode_chunk(data: bytes) -> Any:
    """A Chunk, if it is a JSON object; other JSON as what it is; None if it is no JSON."""
    try:
        # As text where it could be none: what is passed over must be UTF-8 all the same.
        return _decoded(data if data.isascii() else str(data, "utf-8"))
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return _lenient(data)


def _lenient(data: bytes) -> Any:
    value = parse_or_none(data)
    return chunk_from_object(value) if isinstance(value, dict) else value


def chunk_from_object(members: Mapping[str, Any]) -> Chunk:
    """The same of an object that is decoded already."""
    try:
        return convert(members, Chunk)
    except _UNFIT:
        listed = members.get("choices")
        if isinstance(listed, list):
            choices = [_fitting(choice, Choice) for choice in listed if isinstance(choice, dict)]
            members = {**members, "choices": choices}
        if isinstance(response := members.get("response"), dict):
            members = {**members, "response": _fitting(response, ResponseObject)}
        return convert(_fitting(members, Chunk), Chunk)


def _fitting(members: Mapping[str, Any], kind: type[Struct]) -> dict[str, Any]:
    """The members that are of their type."""
    return {field.name: members[field.name] for field in fields(kind) if _fits(members.get(field.name), field.type)}


def _fits(value: Any, kind: Any) -> bool:
    try:
        return convert(value, kind) is not None
    except _UNFIT:
        return False
