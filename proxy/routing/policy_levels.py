"""Combines the policies that apply to a request: those of the file (defaults, model, key) and its own.

How: a policy is a set of control headers, whether it comes from the file or from a request. Of most headers the level
nearest to the request counts. Those in `_COMBINE` are constraints: the values of all levels hold together. The result
names the levels behind each member, so that errors and explanations can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from typing import Any

from proxy.config.document import is_key_name, suggestion
from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.snapshot import KnownNames, Snapshot
from proxy.errors import InvalidHeaderError
from proxy.routing.policy import (
    MEMBERS,
    ControlHeaders,
    Policy,
    control_headers_from_body,
    member_name,
    parse_control_headers,
    parse_policy,
)

LEVELS = ("defaults", "model", "key", "request")
"""From the farthest to the nearest."""
REQUEST_MEMBERS = frozenset({"session_id"})
"""Members that only a request can have."""

_FileLevels = tuple[PolicyWords, PolicyWords, PolicyWords]
_NO_LEVELS: _FileLevels = (NO_POLICY, NO_POLICY, NO_POLICY)


def policy_for(
    model: str, control_headers: Mapping[str, str], snapshot: Snapshot, *, key: PolicyWords = NO_POLICY
) -> Policy:
    """Return the policy of a request for that model: its own and those of the file together.

    Raises InvalidHeaderError for an invalid control header. `key` is the policy of the caller's key.
    """
    levels = snapshot.defaults.policy, snapshot.options(model).policy, key
    if levels == _NO_LEVELS:
        return parse_policy(control_headers, snapshot)
    return _combined(levels, tuple(control_headers.items()), snapshot.known_names)


@lru_cache(maxsize=1024)
def _combined(levels: _FileLevels, requested: ControlHeaders, known: KnownNames) -> Policy:
    """Return the policy of all levels. Policies of the file are compared by identity, so the cache is quick."""
    rows = dict(zip(LEVELS, (*map(_headers_of, levels), requested), strict=True))
    merged: dict[str, str] = {}
    sources: dict[str, tuple[str, ...]] = {}
    for level, headers in rows.items():
        members = [member_name(header) for header, _ in headers]
        for header in _replaced_headers(members):
            merged.pop(header, None)
            sources.pop(member_name(header), None)
        for member in members:
            sources[member] = (*sources.get(member, ()), level) if member in _COMBINE else (level,)
        merged |= dict(headers)
    policies = {level: parse_control_headers(headers, known) for level, headers in rows.items() if headers}
    return _with_constraints(parse_control_headers(tuple(merged.items()), known), policies, sources)


def _with_constraints(policy: Policy, policies: Mapping[str, Policy], sources: Mapping[str, tuple[str, ...]]) -> Policy:
    """Return the policy with the constraints of all levels together, and the members whose values contradict."""
    constrained = [member for member in _COMBINE if member in sources]
    values = {
        member: reduce(_COMBINE[member], [getattr(policies[level], member) for level in sources[member]])
        for member in constrained
    }
    conflicts = tuple(member for member, value in values.items() if value is _NOTHING)
    kept = {member: value for member, value in values.items() if value is not _NOTHING}
    return replace(policy, **kept, conflicts=conflicts, sources=sources)


_NOTHING: Any = ()
"""What no value satisfies."""


def _intersection(one: Sequence[str], other: Sequence[str]) -> Any:
    return tuple(name for name in other if name in one) or _NOTHING


def _union(one: Sequence[str], other: Sequence[str]) -> Any:
    return tuple(dict.fromkeys((*one, *other)))


def _same(one: str, other: str) -> Any:
    return one if one == other else _NOTHING


_COMBINE: Mapping[str, Callable[[Any, Any], Any]] = {
    "provider": _intersection,
    "include_providers": _intersection,
    "exclude_providers": _union,
    "provider_regions": _intersection,
    "data_residency": _same,
    "max_cost_per_request": min,
    "max_provider_retries": min,
    "retry_on_provider_error": min,
}
"""Constraints: member -> its value from those of two levels."""

_CHAIN = ("X-Failover-Config", "X-Provider-Fallbacks")
_BALANCING = ("X-Load-Balance-Strategy", "X-Load-Balance-Providers", "X-Provider-Weights")


def _replaced_headers(members: Sequence[str]) -> Iterator[str]:
    """Yield the headers of farther levels that a level with these members replaces, though it has others."""
    if "failover_config" in members or "provider_fallbacks" in members:
        yield from _CHAIN
    if "routing_strategy" in members:
        yield from _BALANCING


@lru_cache(maxsize=1024)
def _headers_of(words: PolicyWords) -> ControlHeaders:
    return tuple(control_headers_from_body(words.members).items())


def policy_errors(words: PolicyWords, known: KnownNames) -> Iterator[tuple[str, str]]:
    """Yield (path in the file, message) for each invalid member of a policy in the file."""
    allowed = sorted(MEMBERS.keys() - REQUEST_MEMBERS)
    for member, value in words.members.items():
        path = f"{words.path}.{member}" if is_key_name(member) else words.path
        if member in REQUEST_MEMBERS:
            yield path, "only a request can have this member"
        elif member not in MEMBERS:
            yield path, f"unknown key{suggestion(member, allowed)}"
        else:
            try:
                parse_control_headers(tuple(control_headers_from_body({member: value}).items()), known)
            except InvalidHeaderError as error:
                yield path, error.message.removeprefix(f"{MEMBERS[member]}: ")


_MEMBER_OF_REASON: Mapping[str, str] = {
    "not_in_provider": "provider",
    "not_in_include_providers": "include_providers",
    "in_exclude_providers": "exclude_providers",
    "not_in_provider_fallbacks": "provider_fallbacks",
    "not_in_failover_config": "failover_config",
    "not_in_provider_regions": "provider_regions",
    "data_residency": "data_residency",
    "over_cost": "max_cost_per_request",
    "unknown_price": "max_cost_per_request",
}
"""Reason of an exclusion -> the member of the policy that it comes from."""


def reason_levels(policy: Policy, reason: str) -> tuple[str, ...]:
    """Return the levels that a reason for an exclusion comes from. Empty if the file has no policy for the request."""
    return policy.sources.get(_MEMBER_OF_REASON.get(reason, ""), ())


def conflict_text(policy: Policy) -> str:
    """Return which members of the policy contradict each other, with their levels, such as `provider of model and key`."""
    return ", ".join(f"{member} of {' and '.join(policy.sources[member])}" for member in policy.conflicts)
