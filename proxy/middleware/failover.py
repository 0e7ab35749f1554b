"""The options of failover, and the record of what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.attempts.settings import FailoverOptions
from proxy.exchange import Exchange
from proxy.telemetry.activity import FailoverRecord


@dataclass(frozen=True, slots=True)
class Failover(FailoverOptions):
    """Read by `attempts.failover_run`, which runs the request's attempts."""

    def closed(self, exchange: Exchange) -> None:
        """Add the request to the activity report. By now every attempt has its outcome."""
        attempts = exchange.attempts
        if len(attempts) == 1:
            exchange.runtime.telemetry.activity.record_request(attempts[0].cost() or 0.0, None)
            return
        cost = sum([attempt.cost() or 0.0 for attempt in attempts])
        exchange.runtime.telemetry.activity.record_request(cost, _record(exchange) if attempts else None)


def _record(exchange: Exchange) -> FailoverRecord:
    tried = tuple(attempt.as_json() for attempt in exchange.attempts)
    return FailoverRecord(exchange.id, exchange.facts.model, exchange.runtime.wall(), exchange.outcome, tried)
