"""Excludes targets that have refused a member of the request lately."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.routing.candidates import Candidate
from proxy.routing.eligibility import Exclusion, unsupported_reason
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Signals


def refusal_exclusions(
    candidates: Sequence[Candidate], request: RoutingRequest, signals: Signals
) -> dict[str, Exclusion]:
    """Return the exclusions by target id. If no target would be left none is excluded: the value may be another one now."""
    found = {}
    for each in candidates:
        refused = signals.refused_members.get(each.target.id, ())
        names = sorted(member.name for member in refused if member.is_in(request.body))
        if names:
            found[each.target.id] = Exclusion(each.target.id, each.provider_name, unsupported_reason(names))
    return found if len(found) < len(candidates) else {}
