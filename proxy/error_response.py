"""The response of a request that no provider has answered."""

from __future__ import annotations

from proxy.errors import ParrotError
from proxy.exchange import Exchange
from proxy.messages import Response

ESTIMATED = "tokens-estimated"
"""The warning of an answer that is an estimate."""


def error_response(exchange: Exchange, error: ParrotError) -> Response:
    """Return the response of an error. Where the client API answers with an estimate, it is that."""
    estimate = exchange.client_format.estimate if exchange.facts.model else None
    body = None if estimate is None else estimate(error, exchange.facts.prompt_tokens)
    if body is None:
        return Response.from_error(error)
    exchange.warnings.append(ESTIMATED)
    return Response(200, {}, body)
