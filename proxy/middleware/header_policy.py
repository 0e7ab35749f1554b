"""Parses the request's control headers, and selects the response headers that callers may see."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.dialects import DIALECTS
from proxy.exchange import Exchange
from proxy.headers import to_downstream
from proxy.messages import Response
from proxy.routing.policy import extract_control_headers, parse_policy


@dataclass(frozen=True, slots=True)
class HeaderPolicy:
    """Makes the request's policy of its control headers, which stop here.

    Which other headers are forwarded depends on the provider, so each attempt selects its own.
    """

    def before(self, exchange: Exchange) -> None:
        """Set the policy. Raises InvalidHeaderError."""
        exchange.control_headers = extract_control_headers(exchange.request.headers)
        if exchange.control_headers:
            exchange.policy = parse_policy(exchange.control_headers, exchange.snapshot)

    def after(self, exchange: Exchange, response: Response) -> None:
        """Drop the provider's headers that callers may not see. The sidecar's own responses keep theirs."""
        if response.error is None and (winner := exchange.winning_attempt) is not None:
            dialect = DIALECTS[winner.step.target.provider.dialect]
            response.headers = to_downstream(
                response.headers, dialect.returned_header_prefixes, dialect.rate_limit_headers
            )
