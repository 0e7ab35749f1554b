"""Which endpoint is asked for: models are called further in, anything else ends here.

Not named in routing.yaml: it always stands before `limits`, so what it refuses is logged, and had to show a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.errors import InvalidRequest, MethodNotAllowed, NotFound
from proxy.exchange import Exchange, Handler
from proxy.messages import Response

PATHS: Mapping[str, str] = {"/v1/chat/completions": "chat"}
"""Path -> the endpoint's name in the dialects."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Names the endpoint, or says what there is."""

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        request = exchange.request
        path = request.path.partition("?")[0]
        if path not in PATHS:
            raise NotFound(f"nothing stands at {path[:256]}; there is {', '.join(PATHS)}")
        if request.method != "POST":
            raise MethodNotAllowed(f"{request.method} is not allowed here; POST is", headers={"Allow": "POST"})
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise InvalidRequest(f"Content-Encoding '{encoding[:32]}' is not taken; send the body as it is")
        exchange.endpoint = PATHS[path]
        return await handler(exchange)
