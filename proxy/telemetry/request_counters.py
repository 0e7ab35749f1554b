"""Counters of requests, failovers, hedges, resumes and probes since start, all targets together, for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from proxy.telemetry.histogram import Histogram


@dataclass(slots=True)
class RequestCounters:
    """Counters that never fall. The keys are the label values of the metrics."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By endpoint, status and outcome: `ok`, `client_disconnected` or `error`."""
    failovers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Further attempts of requests, by the provider of the attempt before and by their own."""
    overhead_s: Histogram = field(default_factory=Histogram)
    """Time that the sidecar itself took until the response headers were sent."""

    probes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By provider, region and outcome: `ok`, or the class of the failure."""
    hedges: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By provider and result: `started`, and `won` of these."""
    resumes: Counter[str] = field(default_factory=Counter)
    """Truncated streams that could be resumed: `resumed` or `no_target`, and `mismatch` of the resumed."""

    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What was refused before it was a request, by code and status."""

    def record_request(self, endpoint: str, status: int, outcome: str) -> None:
        """Count a request that has ended.

        `endpoint` is one of a bounded number of names, `status` 0 if no response was sent, `outcome` as in the
        log: all error codes are counted as `error`.
        """
        outcome = outcome if outcome in ("ok", "client_disconnected") else "error"
        self.requests[endpoint, str(status) if status else "none", outcome] += 1

    def record_failovers(self, providers: Sequence[str]) -> None:
        """Count the failovers of one request, given the providers of its attempts in order."""
        if len(providers) > 1:
            self.failovers.update(pairwise(providers))
