"""An unknown dialect is answered with the one that was meant."""

from __future__ import annotations

import pytest

from proxy.dialects import DIALECTS, suggestions
from proxy.dialects.suggestions import suggest_dialect


@pytest.mark.parametrize(
    "name",
    ["ollama", "vllm", "groq", "together", "lmstudio", "LM Studio", "llama.cpp", "llama-cpp", "deepseek", "openrouter",
     "xai", "OpenAI-compatible", "openai_compatible"],
)  # fmt: skip
def test_a_host_of_open_models_is_compatible(name: str) -> None:
    meant = "; did you mean 'compatible'? It is for every host with an OpenAI-compatible API"
    assert suggest_dialect(name, DIALECTS) == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [("azure", "openai"), ("azure-openai", "openai"), ("OpenAI", "openai"), ("opnai", "openai"), ("claude", "anthropic"),
     ("gemini", "google"), ("Mistral", "mistral"), ("compatibel", "compatible")],
)  # fmt: skip
def test_another_name_or_spelling_is_recognised(name: str, meant: str) -> None:
    assert suggest_dialect(name, DIALECTS) == f"; did you mean '{meant}'?"


def test_otherwise_all_are_listed() -> None:
    assert suggest_dialect("latin", DIALECTS) == f"; known: {', '.join(sorted(DIALECTS))}"


def test_every_suggestion_is_a_dialect() -> None:
    assert set(suggestions._MEANT.values()) < set(DIALECTS) and not set(suggestions._MEANT) & set(DIALECTS)
