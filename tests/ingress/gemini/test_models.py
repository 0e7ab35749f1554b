"""The models in Gemini's form, as `GET /v1/models` lists them."""

from __future__ import annotations

from proxy.ingress.gemini.models import MODELS


def test_a_model_has_the_members_that_clients_read() -> None:
    assert MODELS.model("gpt-4o", ["openai", "azure"]) == {
        "name": "models/gpt-4o",
        "displayName": "gpt-4o",
        "supportedGenerationMethods": ["generateContent"],
    }


def test_all_models_are_one_list() -> None:
    listed = [MODELS.model(name, []) for name in ("a", "b")]
    assert MODELS.page(listed) == {"models": listed}
