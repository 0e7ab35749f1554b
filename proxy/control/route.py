"""`POST /v1/route`: a dry run. The routing decision for a request of any client API, without calling a provider."""

from __future__ import annotations

from urllib.parse import parse_qsl

import orjson

from proxy.errors import InvalidRequestError
from proxy.exchange import Exchange
from proxy.ingress import endpoint_by_headers
from proxy.ingress.paths import PATHS
from proxy.messages import Request, Response
from proxy.middleware.strategy import signals
from proxy.routing.decision import decide
from proxy.routing.dry_run import build_routing_request, dry_explanation


def route(exchange: Exchange) -> Response:
    """Answer with the plan for a request as it would be made now. `?api=` names its endpoint, such as `messages`.

    No balancing turn is taken and no session is recorded. An empty plan is a 200, an unknown model a 404.
    """
    headers, key = exchange.control_headers, exchange.identity.policy
    request = build_routing_request(
        exchange.body, headers, exchange.snapshot, exchange.id, key=key, endpoint=_endpoint(exchange.request)
    )
    exchange.facts, exchange.policy = request.facts, request.policy
    exchange.decision = decide(request, exchange.snapshot, signals(exchange))
    runtime = exchange.runtime
    explained = dry_explanation(exchange.decision, request, runtime.resilience.key_pools, runtime.clock())
    return Response(200, {}, orjson.dumps(explained))


def _endpoint(request: Request) -> str:
    """Return the endpoint of the described request, "" if only its body tells. Raises InvalidRequestError."""
    given = dict(parse_qsl(request.path.partition("?")[2], keep_blank_values=True)).get("api")
    if given is None:
        return endpoint_by_headers(request.headers)
    if given not in PATHS.values():
        allowed = ", ".join(dict.fromkeys(PATHS.values()))
        raise InvalidRequestError(
            f"api: no client API '{given[:64]}'; allowed: {allowed}", param="api", code="invalid_value"
        )
    return given
