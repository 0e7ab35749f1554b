"""Anthropic's list of models."""

from __future__ import annotations

from typing import Any

from proxy.ingress.client_format import ModelsForm


def _model(name: str, providers: list[str]) -> dict[str, Any]:
    """Return a model. When it was created is unknown."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}


def _page(models: list[dict[str, Any]]) -> dict[str, Any]:
    """Return all models as one page."""
    ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {"first_id": None, "last_id": None}
    return {"data": models, "has_more": False, **ends}


MODELS = ModelsForm(_model, _page)
