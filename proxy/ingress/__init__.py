"""The APIs that callers speak, one folder each. `FORMATS` is the only place that lists them."""

from collections.abc import Mapping

from proxy.ingress.anthropic_messages import ANTHROPIC_MESSAGES, TOKEN_COUNT
from proxy.ingress.client_format import ClientFormat
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.ingress.openai_responses import OPENAI_RESPONSES, RESPONSE_OPERATIONS
from proxy.ingress.paths import PATHS, api_path
from proxy.messages import Request

FORMATS: Mapping[str, ClientFormat] = {
    "count_tokens": TOKEN_COUNT,
    "messages": ANTHROPIC_MESSAGES,
    "responses": OPENAI_RESPONSES,
    "responses_compact": RESPONSE_OPERATIONS,
    "responses_input_tokens": RESPONSE_OPERATIONS,
}
"""Endpoint -> its format, where that is not OpenAI Chat's."""


def find_format(endpoint: str) -> ClientFormat:
    """Return the format of an endpoint (`chat`, `responses`, …). OpenAI Chat's for everything else."""
    return FORMATS.get(endpoint, OPENAI_CHAT)


def guess_format(request: Request) -> ClientFormat:
    """Return the format of a request whose endpoint is not known: by what its path begins with, or by its SDK's header."""
    path = api_path(request.path.partition("?")[0]).path
    endpoint = PATHS.get("/".join(path.split("/", 3)[:3]), "")
    return find_format("messages" if "anthropic-version" in request.headers else endpoint)
