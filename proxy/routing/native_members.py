"""Members of a request that are named after a dialect: what the hub has no word for, for requests of that dialect alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec.structs import replace

from proxy.dialects import DIALECTS
from proxy.dialects.contract import NativeRules
from proxy.errors import InvalidRequestError
from proxy.ingress.client_format import HubRequest

NATIVE_MEMBERS = frozenset(DIALECTS)

_NAMES: Mapping[str, tuple[str, ...]] = {
    name: tuple(other for other in DIALECTS if DIALECTS[other] is dialect) for name, dialect in DIALECTS.items()
}
"""Dialect -> its names, of which each is a member for it."""

Members = Mapping[str, Any]
Spelled = list[tuple[str, Any]]
"""Members of which each name was spelled once: there may be very many."""


def check_native_members(body: Members) -> None:
    """Raise InvalidRequestError for a native member that is no object, or that has what the sidecar sets itself."""
    for name in [name for name in DIALECTS if body.get(name) is not None]:
        rules, members = DIALECTS[name].native_rules, body[name]
        if not isinstance(members, dict):
            what = f"'{name}' must be an object: members in the format of that provider"
            raise InvalidRequestError(what, param=name, code="invalid_type")
        spelled = _spelled(members, rules)
        for path in rules.reserved:
            if _has(spelled, path.split("."), rules):
                what = f"{name}.{path}: is set by the sidecar; allowed are all members but {', '.join(rules.reserved)}"
                raise InvalidRequestError(what, param=f"{name}.{path}", code="invalid_value")


def native_bytes(body: Members) -> int:
    """Return the bytes of the largest native member. No request has more than one of them, but for aliases."""
    return max(len(orjson.dumps(body[name])) for name in NATIVE_MEMBERS & body.keys())


def without_native_members(body: Members) -> dict[str, Any]:
    """Return the members that are in the caller's own format."""
    return {name: value for name, value in body.items() if name not in NATIVE_MEMBERS}


def native_members(body: Members, dialect: str) -> dict[str, Any]:
    """Return what the request's members for a dialect contain."""
    named = [body[name] for name in _NAMES[dialect] if isinstance(body.get(name), dict)]
    return {name: value for members in named for name, value in members.items()}


def limits_in(members: Members, dialect: str) -> tuple[str, ...]:
    """Return the paths of the limits of output tokens that native members set, or remove."""
    rules = DIALECTS[dialect].native_rules
    spelled = _spelled(members, rules)
    return tuple(path for path in rules.limits if _has(spelled, path.split("."), rules))


def without_limits(members: Members, dialect: str) -> dict[str, Any]:
    """Return native members without the limits of output tokens."""
    rules, kept = DIALECTS[dialect].native_rules, dict(members)
    for path in rules.limits:
        kept = _without(kept, path.split("."), rules)
    return kept


def keep_native_members(hub: HubRequest, body: Members) -> HubRequest:
    """Return a request that was translated to the hub with the native members of the caller's."""
    native = {name: body[name] for name in NATIVE_MEMBERS & body.keys()}
    return replace(hub, body={**hub.body, **native})


def _spelled(members: Members, rules: NativeRules) -> Spelled:
    """Return the members by the one spelling of their names, of which some may be there twice."""
    return [(rules.spelling(given), value) for given, value in members.items()]


def _has(members: Spelled, path: list[str], rules: NativeRules) -> bool:
    """Whether members set a path or remove it, by replacing what it is in."""
    first, *rest = path
    return any(
        not rest or not isinstance(value, dict) or _has(_spelled(value, rules), rest, rules)
        for name, value in members
        if name == first
    )


def _without(members: Members, path: list[str], rules: NativeRules) -> dict[str, Any]:
    """Return members without a path, and without what replaces the object that it is in."""
    first, *rest = path
    kept = dict(members)
    for given, value in members.items():
        if rules.spelling(given) != first:
            continue
        if rest and isinstance(value, dict):
            kept[given] = _without(value, rest, rules)
        else:
            del kept[given]
    return kept
