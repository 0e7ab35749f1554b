"""Which endpoint is asked for: models are called further in, anything else ends here.

Not named in routing.yaml: it always stands before `limits`, so what it refuses is logged, and had to show a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.errors import InvalidRequestError, MethodNotAllowedError, NotFoundError
from proxy.exchange import Exchange, Handler
from proxy.messages import Response

PATHS: Mapping[str, str] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/images/generations": "images",
    "/v1/moderations": "moderations",
    "/v1/responses": "responses",
}
"""Path -> the endpoint's name in the dialects."""


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """An endpoint that the sidecar answers itself; a path that ends with a slash stands for all below it."""

    method: str
    handler: Handler[Exchange]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Names the endpoint, or answers, or says what there is."""

    local: Mapping[str, LocalEndpoint]

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        request = exchange.request
        path = request.path.partition("?")[0]
        own = None if path in PATHS else self._own(path)
        method = own.method if own else "POST"
        if request.method != method:
            raise MethodNotAllowedError(f"method {request.method} not allowed; use {method}", headers={"Allow": method})
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise InvalidRequestError(f"Content-Encoding '{encoding[:32]}' is not taken; send the body as it is")
        if own is not None:
            return await own.handler(exchange)
        exchange.endpoint = PATHS[path]
        return await handler(exchange)

    def _own(self, path: str) -> LocalEndpoint:
        below = (own for start, own in self.local.items() if start.endswith("/") and path.startswith(start))
        own = self.local.get(path) or next(below, None)
        if own is None:
            raise NotFoundError(f"unknown path {path[:256]}; available: {', '.join((*PATHS, *self.local))}")
        return own
