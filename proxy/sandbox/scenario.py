"""How a simulated provider behaves: its delays and its fault, if any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, le=3600)]


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """One configured fault. `faults.FAULTS` lists which of these members each kind has."""

    fault: str
    """A key of FAULTS."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """How many more requests it affects. None means all."""
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Probability that it affects a request."""
    status: Annotated[int, Meta(ge=300, le=599)] = 500
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    """Value of the Retry-After header in seconds. None means no header."""
    after: Annotated[int, Meta(ge=0)] | None = None
    """Events sent before the fault. 0 means headers only, None not even headers. A complete body is cut in half."""
    seconds: Seconds = 1.0
    """Delay before the first byte."""
    between: Seconds = 0.0
    """Seconds between events."""
    requests: Annotated[int, Meta(ge=0)] = 10
    """Requests answered per minute."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The behaviour of a provider. Immutable: a change replaces the whole scenario."""

    latency_s: float = 0.0
    """Delay before the first byte."""
    chunk_delay_s: float = 0.0
    """Delay between the events of a stream."""
    fault: Fault | None = None
    request_limit: int = 500
    """Requests a minute that its rate-limit headers announce."""
    token_limit: int = 200_000
    """Tokens a minute that they announce."""
