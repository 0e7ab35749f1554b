"""The models there are, from the routing table, in OpenAI's shape; nobody is called."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson

from proxy.config.snapshot import Target
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.routing.dry_run import targets_for_model

PATH = "/v1/models"


async def models(exchange: Exchange) -> Response:
    """Every name of the table; patterns name no models."""
    snapshot = exchange.snapshot
    listed = [_model(name, targets) for name, targets in snapshot.models.items()]
    return _answer({"object": "list", "data": listed})


async def model(exchange: Exchange) -> Response:
    """One name, of the table or meant by a pattern."""
    name = unquote(exchange.request.path.partition("?")[0].removeprefix(f"{PATH}/"))
    return _answer(_model(name, targets_for_model(exchange.snapshot, name)))


def _model(name: str, targets: tuple[Target, ...]) -> dict[str, Any]:
    """OpenAI's members; who owns it is whoever may serve it, and since when is not known here."""
    providers = list(dict.fromkeys(target.provider.name for target in targets))
    return {"id": name, "object": "model", "created": 0, "owned_by": ", ".join(providers), "providers": providers}


def _answer(body: Any) -> Response:
    return Response(200, {}, orjson.dumps(body))
