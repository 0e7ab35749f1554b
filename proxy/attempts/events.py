"""What can happen to an attempt. `outcomes.apply` says what each means."""

from __future__ import annotations

from msgspec import Struct

from proxy.errors import UpstreamError


class ContentReceived(Struct, frozen=True):
    """Its first content arrived: it is the winner."""


class Completed(Struct, frozen=True):
    """Its answer was complete."""


class Failed(Struct, frozen=True):
    """It failed, before or after its first content."""

    failure: UpstreamError


class Cancelled(Struct, frozen=True):
    """It ended for a reason that has nothing to do with its target."""

    hedge_lost: bool = False
    """Whether the other of a hedged pair was faster."""
    outcome: str = "cancelled"


class Discarded(Struct, frozen=True):
    """Nothing was sent, because the target's format cannot express the request: it was no attempt."""


AttemptEvent = ContentReceived | Completed | Failed | Cancelled | Discarded
