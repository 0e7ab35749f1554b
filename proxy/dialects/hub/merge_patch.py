"""Merges members into a request as a JSON merge patch (RFC 7396): objects are merged, null removes, all else replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from proxy.dialects.hub.request_members import parse_members
from proxy.dialects.lenient_json import parse

Spelling = Callable[[str], str]
"""Returns the one spelling of a member's name, for APIs that take several."""


def merge_members(raw: bytes, patch: Mapping[str, Any], spelling: Spelling) -> bytes:
    """Return a JSON object with the patch merged into it. Members that the patch does not name keep their bytes."""
    return msgspec.json.encode(merge(parse_members(raw), patch, spelling))


def merge(target: Any, patch: Any, spelling: Spelling) -> Any:
    """Return the target, which may be unparsed, after the patch. Its own spelling of a member is kept."""
    if not isinstance(patch, dict):
        return patch
    value = parse(bytes(target)) if isinstance(target, msgspec.Raw) else target
    members = dict(value) if isinstance(value, dict) else {}
    own_names = {spelling(name): name for name in members}
    for given, change in patch.items():
        name = own_names.get(spelling(given), given)
        if change is None:
            members.pop(name, None)
        else:
            members[name] = merge(members.get(name), change, spelling)
    return members
