"""A routing.yaml with one model at six providers, each with its own wire format, for tests through a running sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROVIDERS = {
    "openai": "gpt-4.1",
    "anthropic": "claude-sonnet-4-6",
    "google": "gemini-flash-latest",
    "mistral": "mistral-large-latest",
    "cohere": "command-a-03-2025",
    "meta": "muse-spark-1.3",
}
"""Name of provider and dialect -> its name for the model."""

EMBEDDING_MODELS = {
    "openai": "text-embedding-3-small",
    "anthropic": "claude-sonnet-4-6",
    "google": "gemini-embedding-2",
    "mistral": "codestral-embed",
    "cohere": "embed-v4.0",
    "meta": "bge-m3",
}
"""The same for embeddings, which Anthropic does not have."""

FILE = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate: {{unsupported_params: {params}}}]
providers:
{providers}
models:
  m: {{{models}}}
  e: {{{embedding_models}}}
"""


def six_providers(params: str = "drop") -> str:
    """Return a routing.yaml in which all six serve `m`, and `e` for embeddings; `params` is `unsupported_params` of `translate`."""
    row = '  {0}: {{dialect: {0}, base_url: "http://127.0.0.1:1"}}'
    return FILE.format(
        params=params,
        providers="\n".join(map(row.format, PROVIDERS)),
        models=_serving(PROVIDERS),
        embedding_models=_serving(EMBEDDING_MODELS),
    )


def _serving(models: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {model}" for name, model in models.items())


def tool(name: str, **properties: Any) -> dict[str, Any]:
    """Return a tool with these required arguments."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}
