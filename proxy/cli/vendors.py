"""The vendors that `parrot init` knows: where they are, the variables of their keys, and current models.

`large` and `small` are models of comparable classes, which stand in for each other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's API."""

    name: str
    dialect: str
    base_url: str
    variables: tuple[str, ...]
    """Where its key is looked for."""
    large: str
    small: str
    patterns: tuple[str, ...] = ()
    """Names of models that no other vendor has."""


_FIREWORKS = "accounts/fireworks/models/"

VENDORS = (
    Vendor("openai", "openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "gpt-6.1-sol", "gpt-6-luna",
           ("gpt-*", "o3*", "o4*", "text-embedding-*")),
    Vendor("anthropic", "anthropic", "https://api.anthropic.com", ("ANTHROPIC_API_KEY",),
           "claude-opus-5-5", "claude-haiku-5-5", ("claude-*",)),
    Vendor("google", "google", "https://generativelanguage.googleapis.com", ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
           "gemini-pro-latest", "gemini-flash-latest", ("gemini-*",)),
    Vendor("mistral", "mistral", "https://api.mistral.ai", ("MISTRAL_API_KEY",),
           "mistral-large-latest", "mistral-small-latest", ("mistral-*", "ministral-*", "codestral-*")),
    Vendor("cohere", "cohere", "https://api.cohere.com", ("COHERE_API_KEY", "CO_API_KEY"),
           "command-a-03-2025", "command-r7b-12-2024", ("command-*", "embed-*")),
    Vendor("meta", "meta", "https://api.meta.ai/v1", ("META_API_KEY",), "muse-spark-1.3", "muse-spark-1.3", ("muse-*",)),
    Vendor("groq", "compatible", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",),
           "openai/gpt-oss-120b", "openai/gpt-oss-20b"),
    Vendor("together", "compatible", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",),
           "moonshotai/Kimi-K3.1-Pro", "zai-org/GLM-5.3-Flash"),
    Vendor("fireworks", "compatible", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",),
           f"{_FIREWORKS}kimi-k3p1-pro", f"{_FIREWORKS}glm-5p3-flash"),
    Vendor("cerebras", "compatible", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), "gpt-oss-120b", "gpt-oss-120b"),
    Vendor("openrouter", "compatible", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",),
           "moonshotai/kimi-k3.1-pro", "z-ai/glm-5.3-flash"),
    Vendor("deepseek", "compatible", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",),
           "deepseek-v4-pro", "deepseek-v4-flash"),
    Vendor("xai", "compatible", "https://api.x.ai/v1", ("XAI_API_KEY",), "grok-4.7", "grok-4.6", ("grok-*",)),
)  # fmt: skip
