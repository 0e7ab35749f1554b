"""The middlewares that routing.yaml names, composed into one handler, outermost first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from importlib import import_module
from typing import Any

import yaml
from msgspec import inspect

from proxy.config.document import is_key_name, suggestion
from proxy.config.snapshot import PipelineEntry
from proxy.config.typed_loader import INVALID, Location, TypedLoader
from proxy.exchange import Attempt, Exchange, Handler
from proxy.middleware.access_log import AccessLog
from proxy.middleware.auth import Auth
from proxy.middleware.endpoints import Endpoints, LocalEndpoint
from proxy.middleware.failover import Failover
from proxy.middleware.header_policy import HeaderPolicy
from proxy.middleware.limits import Limits
from proxy.middleware.sse_passthrough import SsePassthrough
from proxy.middleware.strategy import RoutingMiddleware
from proxy.middleware.translate import Translate

REGISTRY: Mapping[str, type] = {
    "access_log": AccessLog,
    "auth": Auth,
    "header_policy": HeaderPolicy,
    "limits": Limits,
    "strategy": RoutingMiddleware,
    "sse_passthrough": SsePassthrough,
    "failover": Failover,
    "translate": Translate,
}
"""In the order in which they must stand; one's own may stand anywhere between them."""

OPTIONAL = frozenset({"access_log", "auth"})
"""Entries that may be left out; without `auth` its defaults hold."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a request goes through."""

    middlewares: tuple[Any, ...]
    terminal: Handler[Attempt]
    handler: Handler[Exchange] = field(init=False)

    def __post_init__(self) -> None:
        handler: Handler[Any] = self.terminal
        for middleware in reversed(self.middlewares):
            handler = partial(middleware, handler=handler)
        object.__setattr__(self, "handler", handler)

    def wrap(self, outermost: Any, innermost: Any) -> Pipeline:
        """The same with one middleware more around it, and one within."""
        return Pipeline((outermost, *self.middlewares, innermost), self.terminal)


@dataclass(frozen=True, slots=True)
class PipelineTerminals:
    """Where requests leave a pipeline: to a provider, or at one of the sidecar's own endpoints."""

    upstream: Handler[Attempt]
    local_endpoints: Mapping[str, LocalEndpoint]


def compose(entries: tuple[PipelineEntry, ...], loader: TypedLoader, terminals: PipelineTerminals) -> Pipeline:
    """The pipeline of these entries; what is unknown, mis-ordered, missing or mis-configured is noted."""
    _check_order(entries, loader)
    middlewares: list[Any] = []
    for entry in entries:
        if entry.name == "limits":
            middlewares.append(Endpoints(terminals.local_endpoints))
        middlewares.append(_built(entry, loader))
    if "auth" not in [entry.name for entry in entries]:
        # Its Host and Origin checks hold without it, and before any middleware of the user's own.
        middlewares.insert(int(bool(entries) and entries[0].name == "access_log"), Auth())
    return Pipeline(tuple(middleware for middleware in middlewares if middleware is not INVALID), terminals.upstream)


def _check_order(entries: tuple[PipelineEntry, ...], loader: TypedLoader) -> None:
    names = [entry.name for entry in entries]
    for name in REGISTRY.keys() - OPTIONAL - set(names):
        loader.document.add_error("pipeline", f"'{name}' is missing; the order is {', '.join(REGISTRY)}")
    ranks = {name: rank for rank, name in enumerate(REGISTRY)}
    highest = ""
    for entry in entries:
        if entry.name not in ranks:
            continue
        if highest and ranks[entry.name] <= ranks[highest]:
            message = "stands twice" if entry.name == highest else f"must stand before '{highest}'"
            loader.reject(
                Location(entry.node, entry.path), f"'{entry.name}' {message}; the order is {', '.join(REGISTRY)}"
            )
        else:
            highest = entry.name


def _built(entry: PipelineEntry, loader: TypedLoader) -> Any:
    kind = REGISTRY.get(entry.name) or _own(entry, loader)
    if kind is INVALID:
        return INVALID
    options = entry.options or yaml.MappingNode("tag:yaml.org,2002:map", [], entry.node.start_mark)
    return loader.load(Location(options, entry.path), kind)


def _own(entry: PipelineEntry, loader: TypedLoader) -> Any:
    """A user's own middleware, by its dotted path `package.module:Name`."""
    module, _, name = entry.name.partition(":")
    if not name or not is_key_name(entry.name):
        known = suggestion(entry.name, list(REGISTRY))
        what = f"middleware '{entry.name}'" if is_key_name(entry.name) else "such middleware"
        return loader.reject(Location(entry.node, entry.path), f"no {what}{known}; your own is package.module:Name")
    try:
        kind = getattr(import_module(module), name)
        if isinstance(kind, type):
            inspect.type_info(kind)  # finds the types of its options, or says which name it cannot find
    except (ImportError, AttributeError, SyntaxError, NameError) as error:
        return loader.reject(Location(entry.node, entry.path), f"cannot load '{entry.name}': {error}")
    if not (isinstance(kind, type) and is_dataclass(kind) and _is_called(kind)):
        return loader.reject(
            Location(entry.node, entry.path), f"'{entry.name}' must be a dataclass with __call__(exchange, handler)"
        )
    return kind


def _is_called(kind: type) -> bool:
    # `callable(kind)` is true of every class: calling one makes an instance.
    return any("__call__" in vars(base) for base in kind.__mro__)
