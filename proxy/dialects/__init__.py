"""Provider wire formats, one package each. `DIALECTS` is the only place that lists them.

`contract` defines what a dialect provides. `hub/` reads and writes OpenAI Chat Completions, which every dialect translates
from and to. The other modules here are shared by the dialects: error classification, tool names, lenient JSON, streams.
"""

from collections.abc import Mapping

from proxy.dialects import anthropic, cohere, compatible, google, mistral, openai
from proxy.dialects.contract import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "openai": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "google": google.DIALECT,
    "mistral": mistral.DIALECT,
    "cohere": cohere.DIALECT,
    "compatible": compatible.DIALECT,
    "meta": compatible.DIALECT,
}
"""Name in routing.yaml -> dialect. `meta` is an alias of `compatible`."""
