"""Dialects with several kinds of endpoints, each of which is served in its own way: the request's endpoint decides."""

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
    """Never called for endpoints without streams, which name that of another one."""


def combine(first: Endpoints, *others: Endpoints) -> Endpoints:
    """Return all these endpoints as one. One that is not among them is served by the first."""
    served = {endpoint: each for each in (first, *others) for endpoint in each.paths}
    find = served.get
    return Endpoints(
        {endpoint: each.paths[endpoint] for endpoint, each in served.items()},
        lambda request: find(request.endpoint, first).build_request(request),
        lambda body, context: find(context.endpoint, first).translate_response(body, context),
        lambda context: find(context.endpoint, first).stream_translator(context),
    )
