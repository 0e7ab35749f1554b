"""`GET /v1/models` and `/v1/models/{model}`: the models of the routing table in OpenAI's format. No provider is called."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson

from proxy.config.snapshot import Target, targets_for_model
from proxy.exchange import Exchange
from proxy.messages import Response

PATH = "/v1/models"


def models(exchange: Exchange) -> Response:
    """List every name of the table. Patterns are not names and are left out."""
    snapshot = exchange.snapshot
    listed = [_model(name, targets) for name, targets in snapshot.models.items()]
    return _respond({"object": "list", "data": listed})


def model(exchange: Exchange) -> Response:
    """Answer with one model: a name of the table, or one that a pattern matches."""
    name = unquote(exchange.request.path.partition("?")[0].removeprefix(f"{PATH}/"))
    return _respond(_model(name, targets_for_model(exchange.snapshot, name)))


def _model(name: str, targets: tuple[Target, ...]) -> dict[str, Any]:
    """Return OpenAI's model object. `owned_by` lists the providers, `created` is unknown."""
    providers = list(dict.fromkeys(target.provider.name for target in targets))
    return {"id": name, "object": "model", "created": 0, "owned_by": ", ".join(providers), "providers": providers}


def _respond(body: Any) -> Response:
    return Response(200, {}, orjson.dumps(body))
