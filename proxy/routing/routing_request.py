"""The input of a decision: everything about a request that may change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from proxy.routing.facts import Facts
from proxy.routing.policy import Policy


class RoutingRequest(Struct, frozen=True):
    """The input of a decision. Equal requests get equal decisions."""

    facts: Facts
    policy: Policy
    default_strategy: str
    """The strategy to use if the policy names none."""
    seed: str
    """The only source of randomness: the same seed gives the same decision."""
    body: Mapping[str, Any] = {}
    """The JSON body, whose parameters the target must be able to express."""
    default_region: str | None = None
    """The caller's region if no header names it."""
