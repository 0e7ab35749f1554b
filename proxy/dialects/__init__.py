"""One folder per wire format; `DIALECTS` is the table of them, and the only place where they are all named."""

from collections.abc import Mapping

from proxy.dialects import anthropic, cohere, compatible, google, mistral, openai
from proxy.dialects.contract import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "openai": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "google": google.DIALECT,
    "mistral": mistral.DIALECT,
    "cohere": cohere.DIALECT,
    "meta": compatible.DIALECT,
    "compatible": compatible.DIALECT,
}
