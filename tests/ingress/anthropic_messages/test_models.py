"""The models in Anthropic's form, as `GET /v1/models` lists them."""

from __future__ import annotations

from proxy.ingress.anthropic_messages.models import MODELS


def test_a_model_has_the_members_that_clients_read() -> None:
    assert MODELS.model("gpt-4o", ["openai", "azure"]) == {
        "type": "model",
        "id": "gpt-4o",
        "display_name": "gpt-4o",
        "created_at": "1970-01-01T00:00:00Z",
    }


def test_all_models_are_one_list() -> None:
    listed = [MODELS.model(name, []) for name in ("a", "b")]
    assert MODELS.page(listed) == {"data": listed, "has_more": False, "first_id": "a", "last_id": "b"}


def test_an_empty_list_has_no_ends() -> None:
    assert MODELS.page([]) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
