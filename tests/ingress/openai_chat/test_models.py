"""The models in OpenAI's form, as `GET /v1/models` lists them."""

from __future__ import annotations

from proxy.ingress.openai_chat.models import MODELS


def test_a_model_has_the_members_that_clients_read() -> None:
    assert MODELS.model("gpt-4o", ["openai", "azure"]) == {
        "id": "gpt-4o",
        "object": "model",
        "created": 0,
        "owned_by": "openai, azure",
        "providers": ["openai", "azure"],
    }


def test_all_models_are_one_list() -> None:
    listed = [MODELS.model(name, []) for name in ("a", "b")]
    assert MODELS.page(listed) == {"object": "list", "data": listed}
