"""Gemini's list of models."""

from __future__ import annotations

from typing import Any

from proxy.ingress.client_format import ModelsForm


def _model(name: str, providers: list[str]) -> dict[str, Any]:
    """Return a model."""
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": ["generateContent"]}


MODELS = ModelsForm(_model, lambda models: {"models": models})
