"""The paths of the client APIs, as documented and as clients really send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote

PATHS: Mapping[str, str] = {
    "/v1/audio/speech": "speech",
    "/v1/audio/transcriptions": "transcriptions",
    "/v1/audio/translations": "translations",
    "/v1/batches": "batches",
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/files": "files",
    "/v1/images/edits": "image_edits",
    "/v1/images/generations": "images",
    "/v1/images/variations": "image_variations",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/models/{model}:batchEmbedContents": "batch_embed_contents",
    "/v1/models/{model}:countTokens": "count_content_tokens",
    "/v1/models/{model}:embedContent": "embed_content",
    "/v1/models/{model}:generateContent": "generate_content",
    "/v1/models/{model}:streamGenerateContent": "generate_content",
    "/v1/moderations": "moderations",
    "/v1/responses": "responses",
    "/v1/responses/compact": "responses_compact",
    "/v1/responses/input_tokens": "responses_input_tokens",
    "/v1/uploads": "uploads",
}
"""Path -> the endpoint's name in the dialects."""

FORMS = frozenset({"files", "uploads", "image_edits", "image_variations", "transcriptions", "translations"})
"""Endpoints whose body may be a form with files."""
WITHOUT_MODEL = frozenset({"batches", "files", "uploads"})
"""Endpoints whose requests name no model."""

_SLASHES = re.compile(r"//+")
_VERSION = re.compile(r"\A(?:/v1(?:beta|alpha)?)*(?=/|\Z)")
_AZURE = "/openai"
_DEPLOYMENT = re.compile(r"/deployments/(?P<model>[^/]+)(?P<rest>/.+)")
_MODEL_METHOD = re.compile(r"/v1/models/(?P<model>.+):(?P<method>[a-zA-Z]+)")
_METHODS: Mapping[str, Mapping[str, Any]] = {
    "batchEmbedContents": {},
    "countTokens": {},
    "embedContent": {},
    "generateContent": {"stream": False},
    "streamGenerateContent": {"stream": True},
}
"""Google's methods of a model -> what they say in place of the body."""
_NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})


class ApiPath(NamedTuple):
    """What a path names."""

    path: str
    """The path as documented."""
    members: Mapping[str, Any] = _NO_MEMBERS
    """The members that the path has in place of the body: `model`, and in Google's paths `stream`."""


def api_path(path: str) -> ApiPath:
    """Read a path without its query.

    Slashes may be doubled or trailing, `/v1` missing, doubled or that of a beta. Azure's paths begin with `/openai`, and the
    name of a deployment in them is the model. In Google's the model comes before the method, and may have slashes.
    """
    path = _SLASHES.sub("/", path).rstrip("/")
    members = _NO_MEMBERS
    if path.startswith(f"{_AZURE}/"):
        path = path.removeprefix(_AZURE)
        if (found := _DEPLOYMENT.fullmatch(path)) is not None:
            path, members = found["rest"], {"model": unquote(found["model"])}
    path = _VERSION.sub("/v1", path)
    if (found := _MODEL_METHOD.fullmatch(path)) is not None and (method := found["method"]) in _METHODS:
        return ApiPath(f"/v1/models/{{model}}:{method}", {"model": unquote(found["model"]), **_METHODS[method]})
    return ApiPath(path, members)
