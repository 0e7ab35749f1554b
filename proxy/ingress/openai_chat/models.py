"""OpenAI's list of models."""

from __future__ import annotations

from typing import Any

from proxy.ingress.client_format import ModelsForm


def _model(name: str, providers: list[str]) -> dict[str, Any]:
    """Return a model. `owned_by` lists the providers, `created` is unknown."""
    return {"id": name, "object": "model", "created": 0, "owned_by": ", ".join(providers), "providers": providers}


MODELS = ModelsForm(_model, lambda models: {"object": "list", "data": models})
