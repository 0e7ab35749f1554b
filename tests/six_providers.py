"""A routing.yaml with one model at six providers, each with its own wire format, for tests through a running sidecar."""

from __future__ import annotations

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

FILE = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate: {{unsupported_params: {params}}}]
providers:
{providers}
models:
  m: {{{models}}}
"""


def six_providers(params: str = "drop") -> str:
    """Return a routing.yaml in which all six serve `m`; `params` is `unsupported_params` of `translate`."""
    row = '  {0}: {{dialect: {0}, base_url: "http://127.0.0.1:1"}}'
    return FILE.format(
        params=params,
        providers="\n".join(map(row.format, PROVIDERS)),
        models=", ".join(f"{name}: {model}" for name, model in PROVIDERS.items()),
    )


def tool(name: str, **properties: Any) -> dict[str, Any]:
    """Return a tool with these required arguments."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}
