"""The pipeline: the middlewares that routing.yaml names, as lists of phases in the order in which they run.

A middleware is a dataclass, whose fields are its options, with any of these methods:

- `before(exchange)` runs on the way in, in the file's order. It raises a ParrotError to answer with an error.
- `after(exchange, response)` runs on the way out, in reverse order, for the middlewares whose `before` has run. For a
  stream it runs before the first byte is sent, and may add a `StreamTransform` to `response.transforms`.
- `closed(exchange)` runs when the last byte was sent or the caller is gone, in reverse order.

Those that stand after `failover` run once per attempt, and have `before(attempt)`. `before` and `after` may be
coroutines. Everything else of a request's usual course is synchronous.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

import yaml
from msgspec import inspect

from proxy.attempts.call import StartCall
from proxy.attempts.settings import FailoverOptions, for_model
from proxy.config.document import is_key_name, suggestion
from proxy.config.shapes import is_null
from proxy.config.snapshot import PipelineEntry
from proxy.config.typed_loader import INVALID, Location, TypedLoader
from proxy.exchange import Attempt, Exchange
from proxy.messages import Response
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
"""In the order in which they must stand. Custom middlewares may stand anywhere between them."""

REQUIRED = tuple(name for name in REGISTRY if name not in ("access_log", "auth"))
"""Entries that are added with their defaults where a file's pipeline has none. So is `auth`, further out."""

SWITCHED_OFF: Mapping[str, Any] = {
    "access_log": None,
    "limits": Limits.off(),
    "sse_passthrough": SsePassthrough.off(),
}
"""What stands for an entry that the file turns off, as `- access_log: off`. None: nothing."""

_RANKS = {name: rank for rank, name in enumerate(REGISTRY)}

BeforeAttempt = Callable[[Attempt], Awaitable[None] | None]
MakeCall = Callable[[tuple[BeforeAttempt, ...]], StartCall]


@dataclass(frozen=True, slots=True)
class PipelineTerminals:
    """Where requests leave a pipeline."""

    start_call: MakeCall
    """Returns what makes the call of an attempt, given the `before` phases of attempts."""
    local_endpoints: Mapping[str, LocalEndpoint]


@dataclass(frozen=True, slots=True, repr=False)  # custom middlewares may have secrets as options
class Pipeline:
    """What a request goes through. A position is that of a middleware, counted from the outermost."""

    middlewares: tuple[Any, ...]
    """Those that run once per request."""
    attempt_middlewares: tuple[Any, ...]
    """Those that run once per attempt."""
    terminals: PipelineTerminals
    before: tuple[tuple[int, Callable[[Exchange], Awaitable[None] | None]], ...] = field(init=False)
    after: tuple[tuple[Callable[[Exchange, Response], Awaitable[None] | None], ...], ...] = field(init=False)
    """By position: the phases of the middlewares outside of it, innermost first."""
    closed: tuple[tuple[Callable[[Exchange], None], ...], ...] = field(init=False)
    """In the same form."""
    body_position: int = field(init=False)
    """The position of `limits`: the endpoint is looked up before it. After it the body is read, local endpoints answer,
    and any other request is admitted."""
    body_index: int = field(init=False)
    """The index in `before` of the phase ahead of which the body is read."""
    start_call: StartCall = field(init=False)
    stream_options: SsePassthrough = field(init=False)
    failover_options: Failover = field(init=False)

    endpoints: Endpoints = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoints", Endpoints(self.terminals.local_endpoints))
        found = list(enumerate(self.middlewares))
        inwards = {
            name: tuple((at, getattr(each, name)) for at, each in found if _has_phase(each, name)) for name in PHASES
        }
        position = next(at for at, each in found if isinstance(each, Limits))
        object.__setattr__(self, "body_position", position)
        # The endpoint is looked up just before `limits`, so that what is refused there is authenticated and logged.
        lookup = (position, self.endpoints.before)
        admit = (position + 1, self.middlewares[position].admit)
        outside = [each for each in inwards["before"] if each[0] < position]
        limits, *inside = inwards["before"][len(outside) :]
        object.__setattr__(self, "before", (*outside, lookup, limits, admit, *inside))
        object.__setattr__(self, "body_index", len(outside) + 2)
        for name in ("after", "closed"):
            outwards = inwards[name][::-1]
            outside_of = [tuple(each for at, each in outwards if at < inside) for inside in range(len(found) + 1)]
            object.__setattr__(self, name, tuple(outside_of))
        before_attempt = tuple(each.before for each in self.attempt_middlewares if _has_phase(each, "before"))
        object.__setattr__(self, "start_call", self.terminals.start_call(before_attempt))
        object.__setattr__(self, "stream_options", self.find(SsePassthrough))
        object.__setattr__(self, "failover_options", self.find(Failover))

    def find(self, kind: type[Any]) -> Any:
        """Return the pipeline's middleware of one of the built-in classes."""
        return next(each for each in (*self.middlewares, *self.attempt_middlewares) if type(each) is kind)

    def failover_options_for(self, exchange: Exchange) -> FailoverOptions:
        """Return the options of `failover`, with what differs for the request's model."""
        if not exchange.snapshot.model_options:
            return self.failover_options
        return for_model(self.failover_options, exchange.snapshot.options(exchange.facts.model).failover)

    def wrap(self, outermost: Any, innermost: Any) -> Pipeline:
        """Return the same pipeline with one more middleware around it, and one more closest to the provider."""
        return Pipeline((outermost, *self.middlewares), (*self.attempt_middlewares, innermost), self.terminals)


PHASES = ("before", "after", "closed")


def _has_phase(middleware: Any, name: str) -> bool:
    """Return whether a middleware, or its class, has that method. An option may have the same name."""
    return callable(getattr(middleware, name, None))


def compose(entries: tuple[PipelineEntry, ...] | None, loader: TypedLoader, terminals: PipelineTerminals) -> Pipeline:
    """Return the pipeline of these entries, or of all in `REGISTRY` if there are none given.

    Adds an error for each that is unknown, out of order or invalid, and goes on without it.
    """
    if entries is None:
        return _assemble([(name, kind()) for name, kind in REGISTRY.items()], terminals)
    _check_order(entries, loader)
    found = [(entry.name, _load(entry, loader)) for entry in entries]
    _check_attempt_middlewares(entries, [middleware for _, middleware in found], loader)
    used = [(name, each) for name, each in found if each is not None and each is not INVALID]
    return _assemble(_with_required(used), terminals)


def _assemble(found: list[tuple[str, Any]], terminals: PipelineTerminals) -> Pipeline:
    split = [name for name, _ in found].index("failover") + 1
    middlewares = [middleware for _, middleware in found]
    return Pipeline(tuple(middlewares[:split]), tuple(middlewares[split:]), terminals)


def _with_required(given: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the entries with those that are missing at their rank. A custom one stays behind what precedes it."""
    found, names = list(given), {name for name, _ in given}
    if "auth" not in names:
        # Its Host and Origin checks hold without it, and before any custom middleware.
        found.insert(int(given[:1] != [] and given[0][0] == "access_log"), ("auth", Auth()))
    for name in REQUIRED:
        if name not in names:
            later = (at for at, (other, _) in enumerate(found) if _RANKS.get(other, -1) > _RANKS[name])
            found.insert(next(later, len(found)), (name, REGISTRY[name]()))
    return found


def _check_order(entries: tuple[PipelineEntry, ...], loader: TypedLoader) -> None:
    highest = ""
    for entry in entries:
        if entry.name not in _RANKS:
            continue
        if highest and _RANKS[entry.name] <= _RANKS[highest]:
            message = "stands twice" if entry.name == highest else f"must stand before '{highest}'"
            loader.reject(
                Location(entry.node, entry.path), f"'{entry.name}' {message}; the order is {', '.join(REGISTRY)}"
            )
        else:
            highest = entry.name


def _check_attempt_middlewares(entries: tuple[PipelineEntry, ...], middlewares: list[Any], loader: TypedLoader) -> None:
    names = [entry.name for entry in entries]
    start = next((at for at, name in enumerate(names) if _RANKS.get(name, -1) >= _RANKS["failover"]), len(names))
    for entry, middleware in list(zip(entries, middlewares, strict=True))[start:]:
        if entry.name == "failover" or middleware is INVALID:
            continue
        if [name for name in PHASES if _has_phase(middleware, name)] != ["before"]:
            message = "after failover a middleware has the method before(attempt), and no other phase"
            loader.reject(Location(entry.node, entry.path), f"'{entry.name}': {message}")


def _load(entry: PipelineEntry, loader: TypedLoader) -> Any:
    """Return the middleware of an entry, None if it is turned off and left out, or INVALID."""
    if isinstance(entry.options, yaml.ScalarNode) and entry.options.value in ("off", "false"):
        if entry.name in SWITCHED_OFF:
            return SWITCHED_OFF[entry.name]
        if entry.name in REGISTRY:
            message = f"'{entry.name}' cannot be turned off; these can: {', '.join(SWITCHED_OFF)}"
            return loader.reject(Location(entry.node, entry.path), message)
    kind = REGISTRY.get(entry.name) or _custom(entry, loader)
    if kind is INVALID:
        return INVALID
    options = entry.options
    if options is None or is_null(options):
        options = yaml.MappingNode("tag:yaml.org,2002:map", [], entry.node.start_mark)
    return loader.load(Location(options, entry.path), kind)


def _custom(entry: PipelineEntry, loader: TypedLoader) -> Any:
    """Return the class of a custom middleware, by its dotted path `package.module:Name`."""
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
    if not (isinstance(kind, type) and is_dataclass(kind) and any(_has_phase(kind, name) for name in PHASES)):
        message = "must be a dataclass with a method before, after or closed"
        return loader.reject(Location(entry.node, entry.path), f"'{entry.name}' {message}")
    if iscoroutinefunction(getattr(kind, "closed", None)):
        return loader.reject(Location(entry.node, entry.path), f"'{entry.name}': closed cannot be a coroutine")
    return kind
