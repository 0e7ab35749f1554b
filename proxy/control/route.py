"""Who would serve this request, in which order, and why: the decision alone, without calling anybody."""

from __future__ import annotations

import orjson

from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.limits import Limits
from proxy.middleware.strategy import signals
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, explanation
from proxy.routing.facts import parse_json_object


async def route(exchange: Exchange) -> Response:
    """The plan for a chat request as it would be made now; no turn is taken and no session kept.

    Nobody eligible is an answer like any other; an unknown model is a 404."""
    exchange.raw = await Limits().read(exchange)
    asked = build_routing_request(
        parse_json_object(exchange.raw), exchange.control_headers, exchange.snapshot, exchange.id
    )
    exchange.facts, exchange.policy = asked.facts, asked.policy
    exchange.decision = decide(asked, exchange.snapshot, signals(exchange))
    return Response(200, {}, orjson.dumps(explanation(exchange.decision, asked.policy, exchange.id)))
