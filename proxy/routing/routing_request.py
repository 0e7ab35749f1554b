"""What is asked of the decision: everything about one request that the answer may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from proxy.routing.facts import Facts
from proxy.routing.policy import Policy


class RoutingRequest(Struct, frozen=True, gc=False):
    """One request, as the decision sees it."""

    facts: Facts
    policy: Policy
    default_strategy: str
    """The file's, where the policy names none."""
    seed: str
    """All the chance there is: the same seed gives the same answer."""
    body: Mapping[str, Any] = {}
    """The request itself, for targets that must be able to express every parameter of it."""
    default_region: str | None = None
    """Where the caller is, if no header says."""
