"""Finds the endpoint by the request's path.

Not an entry of routing.yaml: the pipeline looks the endpoint up just before `limits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.errors import MethodNotAllowedError, NotFoundError
from proxy.exchange import Exchange, LocalHandler
from proxy.http_errors import UnsupportedEncodingError
from proxy.ingress.multipart import parse_boundary
from proxy.ingress.paths import FORMS, PATHS, api_path
from proxy.ingress.resources import OPERATIONS, find_resource
from proxy.messages import Headers, Request


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """An endpoint that the sidecar answers itself. A path ending with a slash stands for all below it, except for pages."""

    method: str
    """For `GET`, `HEAD` is allowed too."""
    handler: LocalHandler
    more_methods: tuple[str, ...] = ()
    """Further methods, which the handler tells apart."""
    is_public: bool = False
    """Whether it is served without a key: it holds nothing but the page itself."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Names the endpoint, or raises what is wrong with path, method or encoding."""

    local: Mapping[str, LocalEndpoint]
    public_paths: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        public = frozenset(path for path, endpoint in self.local.items() if endpoint.is_public)
        object.__setattr__(self, "public_paths", public)

    def before(self, exchange: Exchange) -> None:
        """Set `endpoint` or `local_handler`."""
        request = exchange.request
        path = request.path.partition("?")[0]
        if path not in PATHS and path not in self.local:
            path, exchange.path_members = api_path(path)
        if (name := PATHS.get(path)) is None or name in OPERATIONS:
            name = self._unusual(exchange, path)
        elif request.method != "POST":
            _check_method(request.method, ("POST",))
        exchange.endpoint = name
        if name in FORMS:
            exchange.boundary = parse_boundary(request.headers.get("Content-Type", ""))
        if "Content-Encoding" in request.headers:
            _check_encoding(request.headers)

    def _unusual(self, exchange: Exchange, path: str) -> str:
        """Set what a path names that is not one of `PATHS` with a method of its own. Return its endpoint, if it has one."""
        request = exchange.request
        if (resource := find_resource(path)) is not None:
            _check_method(request.method, resource.methods)
            exchange.resource = resource
            return resource.kind
        endpoint = self._local(path, request)
        allowed = ("GET", "HEAD") if endpoint.method == "GET" else (endpoint.method,)
        _check_method(request.method, (*allowed, *endpoint.more_methods))
        exchange.local_handler = endpoint.handler
        return ""

    def label(self, path: str) -> str:
        """Return the name in metrics of a path with its query: its endpoint in the dialects or here, otherwise `unknown`."""
        path = path.partition("?")[0]
        if path not in self.local:
            path = api_path(path).path
        resource = find_resource(path)
        return PATHS.get(path) or (resource.kind if resource else self._local_name(path)) or "unknown"

    def _local_name(self, path: str) -> str | None:
        prefixes = (name for name, each in self.local.items() if name.endswith("/") and not each.is_public)
        return path if path in self.local else next((name for name in prefixes if path.startswith(name)), None)

    def _local(self, path: str, request: Request) -> LocalEndpoint:
        name = self._local_name(path)
        if name is None:
            sent = request.path.partition("?")[0]
            listed = (path for path, each in self.local.items() if not each.is_public)
            raise NotFoundError(f"unknown path {sent[:256]}; available: {', '.join((*PATHS, *listed))}")
        return self.local[name]


def _check_method(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        raise MethodNotAllowedError(
            f"method {method} not allowed; use {allowed[0]}", headers={"Allow": ", ".join(allowed)}
        )


def _check_encoding(headers: Headers) -> None:
    """Raise UnsupportedEncodingError for a body with a content coding, in any of the header's lines."""
    lines = [value for name, value in headers.items() if name.lower() == "content-encoding"]
    codings = [coding for each in ",".join(lines).split(",") if (coding := each.strip())]
    encoded = next((coding for coding in codings if coding.lower() != "identity"), None)
    if encoded is not None:
        raise UnsupportedEncodingError(
            f"Content-Encoding '{encoded[:32]}' is not supported; send the body unencoded",
            headers={"Accept-Encoding": "identity"},
        )
