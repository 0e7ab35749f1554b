"""The APIs that callers speak, one folder each. `FORMATS` is the only place that lists them."""

from collections.abc import Mapping

from proxy.ingress.anthropic_messages import ANTHROPIC_MESSAGES
from proxy.ingress.client_format import ClientFormat
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.ingress.openai_responses import OPENAI_RESPONSES

FORMATS: Mapping[str, ClientFormat] = {
    "messages": ANTHROPIC_MESSAGES,
    "responses": OPENAI_RESPONSES,
}
"""Endpoint -> its format, where that is not OpenAI Chat's."""


def find_format(endpoint: str) -> ClientFormat:
    """Return the format of an endpoint (`chat`, `responses`, …). OpenAI Chat's for everything else."""
    return FORMATS.get(endpoint, OPENAI_CHAT)
