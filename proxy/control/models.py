"""`GET /v1/models` and `/v1/models/{model}`: the models of the routing table in the caller's format. No provider is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from proxy.config.snapshot import Target, targets_for_model
from proxy.exchange import Exchange
from proxy.ingress.paths import api_path
from proxy.messages import Response

PATH = "/v1/models"


def models(exchange: Exchange) -> Response:
    """List every name of the table. Patterns are not names and are left out."""
    form = _form(exchange)
    return _respond(form.page([form.model(name, targets) for name, targets in exchange.snapshot.models.items()]))


def model(exchange: Exchange) -> Response:
    """Answer with one model: a name of the table, or one that a pattern matches."""
    path = api_path(exchange.request.path.partition("?")[0]).path
    if path == PATH:  # with a slash at its end
        return models(exchange)
    name = unquote(path.removeprefix(f"{PATH}/"))
    return _respond(_form(exchange).model(name, targets_for_model(exchange.snapshot, name)))


Model = dict[str, Any]


class _Form(NamedTuple):
    """How a client API writes models."""

    model: Callable[[str, tuple[Target, ...]], Model]
    page: Callable[[list[Model]], Model]


def _openai_model(name: str, targets: tuple[Target, ...]) -> Model:
    """Return OpenAI's model object. `owned_by` lists the providers, `created` is unknown."""
    providers = list(dict.fromkeys(target.provider.name for target in targets))
    return {"id": name, "object": "model", "created": 0, "owned_by": ", ".join(providers), "providers": providers}


def _anthropic_model(name: str, targets: tuple[Target, ...]) -> Model:
    """Return Anthropic's model object. When it was created is unknown."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}


def _anthropic_page(listed: list[Model]) -> Model:
    """Return all models as one page."""
    ends = {"first_id": listed[0]["id"], "last_id": listed[-1]["id"]} if listed else {"first_id": None, "last_id": None}
    return {"data": listed, "has_more": False, **ends}


def _gemini_model(name: str, targets: tuple[Target, ...]) -> Model:
    """Return Google's model object."""
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": ["generateContent"]}


_OPENAI = _Form(_openai_model, lambda listed: {"object": "list", "data": listed})
_FORMS: Mapping[str, _Form] = {
    "anthropic_messages": _Form(_anthropic_model, _anthropic_page),
    "gemini": _Form(_gemini_model, lambda listed: {"models": listed}),
}
"""Client API -> its form, where that is not OpenAI's."""


def _form(exchange: Exchange) -> _Form:
    return _FORMS.get(exchange.client_format.name, _OPENAI)


def _respond(body: Any) -> Response:
    return Response(200, {}, orjson.dumps(body))
