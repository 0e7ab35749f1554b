"""`GET /v1/models` and `/v1/models/{model}`: the models of the routing table in the caller's format. No provider is called."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson

from proxy.config.snapshot import Target, targets_for_model
from proxy.exchange import Exchange
from proxy.ingress.paths import api_path
from proxy.messages import Response

PATH = "/v1/models"


def models(exchange: Exchange) -> Response:
    """List every name of the table. Patterns are not names and are left out."""
    listed = [_model(exchange, name, targets) for name, targets in exchange.snapshot.models.items()]
    return _respond(exchange.client_format.models.page(listed))


def model(exchange: Exchange) -> Response:
    """Answer with one model: a name of the table, or one that a pattern matches."""
    path = api_path(exchange.request.path.partition("?")[0]).path
    if path == PATH:  # with a slash at its end
        return models(exchange)
    name = unquote(path.removeprefix(f"{PATH}/"))
    return _respond(_model(exchange, name, targets_for_model(exchange.snapshot, name)))


def _model(exchange: Exchange, name: str, targets: tuple[Target, ...]) -> dict[str, Any]:
    providers = list(dict.fromkeys(target.provider.name for target in targets))
    return exchange.client_format.models.model(name, providers)


def _respond(body: Any) -> Response:
    return Response(200, {}, orjson.dumps(body))
