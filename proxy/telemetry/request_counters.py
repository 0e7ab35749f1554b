"""What became of the requests, all targets together, since the beginning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from proxy.telemetry.histogram import Histogram


@dataclass(slots=True)
class RequestCounters:
    """Counts that only grow."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By endpoint, status and outcome: `ok`, `client_disconnected` or `error`."""
    failovers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Further attempts of a request, by the provider of the one before and by their own."""
    overhead_s: Histogram = field(default_factory=Histogram)
    """Seconds that the sidecar itself took until an answer's headers went out."""

    probes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By provider, region, and how they went: `ok`, or the class of the failure."""
    hedges: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By provider: `started`, and of these `won`."""
    resumes: Counter[str] = field(default_factory=Counter)
    """Streams that were cut and may go on: `taken` over by another target, or by `nobody`; `differed` of the taken."""

    def record_request(self, endpoint: str, status: int, outcome: str) -> None:
        """A request is over; endpoints that are not a dialect's are counted together."""
        outcome = outcome if outcome in ("ok", "client_disconnected") else "error"
        self.requests[endpoint or "local", str(status) if status else "none", outcome] += 1

    def record_failovers(self, providers: Sequence[str]) -> None:
        """The providers of a request's attempts, in order."""
        if len(providers) > 1:
            self.failovers.update(pairwise(providers))
