"""The paths of the client APIs, as documented and as clients really send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

PATHS: Mapping[str, str] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/images/generations": "images",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/moderations": "moderations",
    "/v1/responses": "responses",
    "/v1/responses/compact": "responses_compact",
    "/v1/responses/input_tokens": "responses_input_tokens",
}
"""Path -> the endpoint's name in the dialects."""

_SLASHES = re.compile(r"//+")
_VERSION = re.compile(r"\A(?:/v1)*(?=/|\Z)")
_AZURE = "/openai"
_DEPLOYMENT = re.compile(r"/deployments/(?P<model>[^/]+)(?P<rest>/.+)")


class ApiPath(NamedTuple):
    """What a path names."""

    path: str
    """The path as documented."""
    model: str = ""
    """The model, where the path has it in place of the body."""


def api_path(path: str) -> ApiPath:
    """Read a path without its query.

    Slashes may be doubled or trailing, `/v1` missing or doubled. Azure's paths begin with `/openai`, and the name of a
    deployment in them is the model.
    """
    path = _SLASHES.sub("/", path).rstrip("/")
    model = ""
    if path.startswith(f"{_AZURE}/"):
        path = path.removeprefix(_AZURE)
        if (found := _DEPLOYMENT.fullmatch(path)) is not None:
            path, model = found["rest"], unquote(found["model"])
    return ApiPath(_VERSION.sub("/v1", path), model)
