"""`POST /v1/route`: a dry run. The routing decision for a chat request, without calling a provider."""

from __future__ import annotations

import orjson

from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.strategy import signals
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, dry_explanation


def route(exchange: Exchange) -> Response:
    """Answer with the plan for a chat request as it would be made now.

    No balancing turn is taken and no session is recorded. An empty plan is a 200, an unknown model a 404.
    """
    headers, key = exchange.control_headers, exchange.identity.policy
    request = build_routing_request(exchange.body, headers, exchange.snapshot, exchange.id, key=key)
    exchange.facts, exchange.policy = request.facts, request.policy
    exchange.decision = decide(request, exchange.snapshot, signals(exchange))
    return Response(200, {}, orjson.dumps(dry_explanation(exchange.decision, request)))
