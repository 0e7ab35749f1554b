"""The APIs that callers speak, one folder each. `FORMATS` is the only place that lists them."""

import re
from collections.abc import Mapping

from proxy.ingress.anthropic_messages import ANTHROPIC_MESSAGES, TOKEN_COUNT
from proxy.ingress.client_format import ClientFormat
from proxy.ingress.gemini import BATCH_EMBED_CONTENTS, EMBED_CONTENT, GEMINI
from proxy.ingress.gemini import TOKEN_COUNT as CONTENT_TOKEN_COUNT
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.ingress.openai_responses import OPENAI_RESPONSES, RESPONSE_OPERATIONS
from proxy.ingress.paths import PATHS, api_path
from proxy.messages import Headers, Request

FORMATS: Mapping[str, ClientFormat] = {
    "batch_embed_contents": BATCH_EMBED_CONTENTS,
    "count_content_tokens": CONTENT_TOKEN_COUNT,
    "count_tokens": TOKEN_COUNT,
    "embed_content": EMBED_CONTENT,
    "generate_content": GEMINI,
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
    """Return the format of a request whose endpoint is not known: by its path, or by its SDK's header."""
    sent, _, query = request.path.partition("?")
    path = api_path(sent).path
    if (endpoint := PATHS.get(path)) is not None:
        return find_format(endpoint)
    if endpoint := endpoint_by_headers(request.headers):
        return FORMATS[endpoint]
    is_google = sent.startswith(_GOOGLE_VERSIONS) or _KEY.search(query) is not None
    return GEMINI if is_google else find_format(PATHS.get("/".join(path.split("/", 3)[:3]), ""))


def endpoint_by_headers(headers: Headers) -> str:
    """Return the endpoint whose SDKs send one of these headers, or "" if they do not tell."""
    return next((endpoint for header, endpoint in _HEADERS.items() if header in headers), "")


_HEADERS: Mapping[str, str] = {
    "anthropic-version": "messages",
    "x-goog-api-client": "generate_content",
    "x-goog-api-key": "generate_content",
}
"""Header that only the SDKs of one API send -> its endpoint."""
_GOOGLE_VERSIONS = ("/v1beta/", "/v1alpha/")
_KEY = re.compile(r"(?:\A|&)key=")
