"""How a simulated provider behaves right now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, le=3600)]


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """A way to break; which of the options below one takes is said in the table of faults."""

    fault: str
    """A key of FAULTS."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """How many more requests it strikes; none: all of them."""
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """How likely it strikes a request."""
    status: Annotated[int, Meta(ge=300, le=599)] = 500
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    """Seconds for the Retry-After header; none: no such header."""
    after: Annotated[int, Meta(ge=0)] | None = None
    """Events that still come, 0 for headers alone, none for not even those; from 1 a whole answer stops halfway."""
    seconds: Seconds = 1.0
    """Before the first byte."""
    between: Seconds = 0.0
    """Seconds between two events."""
    requests: Annotated[int, Meta(ge=0)] = 10
    """How many a minute are answered."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Delays in seconds, and what is broken; replaced as a whole while the provider runs."""

    latency_s: float = 0.0
    """Before the first byte."""
    chunk_delay_s: float = 0.0
    """Between two events of a stream."""
    fault: Fault | None = None
