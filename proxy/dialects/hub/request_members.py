"""Replaces top-level members of a JSON object. Every other subtree stays byte for byte what its sender wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.dialects.lenient_json import parse, serialize
from proxy.errors import InvalidRequestError

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def replace_members(raw: bytes, changes: Mapping[str, Any], drop: tuple[str, ...] = ("routing",)) -> bytes:
    """Set the members in `changes` and remove those in `drop`. Of a repeated member the last one counts, as in parsing."""
    members = parse_members(raw)
    for name in drop:
        members.pop(name, None)
    members.update(changes)
    return _encode(members)


def parse_members(raw: bytes) -> dict[str, Any]:
    """Return the top-level members as msgspec.Raw. Raises InvalidRequestError if they are nested too deeply.

    What only a lenient parser accepts, such as lone surrogates of a provider, is replaced.
    """
    try:
        return _decode_leniently(raw)
    except RecursionError as error:
        raise InvalidRequestError("the body is nested too deep", code="invalid_json") from error


def _decode_leniently(raw: bytes) -> dict[str, Any]:
    try:
        return _decode(raw)
    except msgspec.DecodeError:
        return _decode(serialize(parse(raw)))
