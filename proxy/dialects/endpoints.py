"""Dialects that serve their vendor's own API too: the endpoint decides whether a request is translated or passes unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxy.dialects.contract import CallerRequest, ProviderRequest, ResponseContext
from proxy.messages import StreamTransform


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Endpoints of a dialect and how they are served. The members are those of `Dialect`."""

    paths: Mapping[str, str]
    build_request: Callable[[CallerRequest], ProviderRequest]
    translate_response: Callable[[bytes, ResponseContext], bytes]
    stream_translator: Callable[[ResponseContext], StreamTransform]


def with_native(translated: Endpoints, native: Endpoints) -> Endpoints:
    """Return the endpoints of both. `native` serves its own, whose requests and answers pass unchanged."""

    def chosen(endpoint: str) -> Endpoints:
        return native if endpoint in native.paths else translated

    return Endpoints(
        {**translated.paths, **native.paths},
        lambda request: chosen(request.endpoint).build_request(request),
        lambda body, context: chosen(context.endpoint).translate_response(body, context),
        lambda context: chosen(context.endpoint).stream_translator(context),
    )
