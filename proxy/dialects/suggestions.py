"""The names of dialects in routing.yaml, and what is often written in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.config.document import suggestion

_HOSTS = (
    "ollama vllm groq together togetherai lmstudio llamacpp localai sglang tgi deepseek openrouter fireworks fireworksai"
    " perplexity xai grok cerebras nvidia nim sambanova deepinfra huggingface litellm openaicompatible custom local llama"
)
_MEANT: Mapping[str, str] = {
    **dict.fromkeys(_HOSTS.split(), "compatible"),
    "azure": "openai",
    "azureopenai": "openai",
    "gpt": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "googleai": "google",
    "aistudio": "google",
    "muse": "meta",
}
"""A name in lower case without separators -> the dialect that it is served with."""
_LETTERS = str.maketrans("", "", " ._-")


def suggest_dialect(name: str, known: Iterable[str]) -> str:
    """Return what to write in place of an unknown dialect: `; did you mean 'compatible'?`, or all that are known."""
    plain = name.strip().lower().translate(_LETTERS)
    meant = _MEANT.get(plain)
    if meant is None:
        return suggestion(plain, list(known))
    more = " It is for every host with an OpenAI-compatible API" if meant == "compatible" else ""
    return f"; did you mean '{meant}'?{more}"
