"""The keys of a provider: none, one, or a pool of several, of which some may be missing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import yaml
from msgspec import Meta, Struct

from proxy.config.json_schema import json_schema
from proxy.config.typed_loader import INVALID, Location, TypedLoader
from proxy.config.units import Secret

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_MIN_KEYS, _MAX_KEYS = 2, 16

Account = Hashable
"""What limits are counted for: the `account` of a key, else the key itself. None for a provider's only key."""


class PoolKeyConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of a pool. Keys with the same `account` share its limits."""

    value: Secret
    """The key."""
    account: Annotated[str, Meta(pattern=_NAME)] | None = None
    """Keys with the same name here share their limits, as the keys of an OpenAI project do. `limits` hold for each
    account, and a rate limit of the provider cools down the account. By default each key is an account of its own."""
    name: Annotated[str, Meta(pattern=_NAME)] | None = None
    """How logs, `error.attempts` and the explanation of a request name it. Letters, digits, `.`, `_`, `-`. By default
    `key 1`, `key 2` and so on."""


@dataclass(frozen=True, slots=True)
class PoolKey:
    """A key of a pool."""

    secret: Secret
    label: str
    """How outputs name it: by its name, or by its position (`key 2`)."""
    account: Account


@dataclass(frozen=True, slots=True)
class KeyPool:
    """The keys of a pool that can be used, in the order of the file. There is at least one."""

    keys: tuple[PoolKey, ...]
    missing: tuple[tuple[str, str], ...] = ()
    """Label of each key that cannot be used, and the reason."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts of its keys, each once."""
        return tuple(dict.fromkeys(key.account for key in self.keys))


class ApiKey:
    """`api_key` of a provider: text, or a list of keys, each of them text or a mapping."""

    expected = "text, ${VARIABLE} or ${file:/path}, or a list of 2 to 16 of them or of {value, account, name}"
    schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            Secret.schema,
            {
                "type": "array",
                "minItems": _MIN_KEYS,
                "maxItems": _MAX_KEYS,
                "items": {"anyOf": [Secret.schema, json_schema(PoolKeyConfig)]},
            },
        ]
    }
    __slots__ = ("key", "pool")

    def __init__(self, key: Secret | None = None, pool: KeyPool | None = None) -> None:
        self.key = key
        """The only key, or the first one of the pool. None if none is sent."""
        self.pool = pool

    @staticmethod
    def load_node(loader: TypedLoader, location: Location, kind: Any) -> Any:
        """Return the key or the pool, or INVALID."""
        if isinstance(location.node, yaml.SequenceNode):
            return _load_pool(loader, location)
        if not isinstance(location.node, yaml.ScalarNode):
            return loader.reject_type(location, ApiKey.expected)
        key = loader.load(location, Secret | None)
        return key if key is INVALID else ApiKey(key)


NO_KEY = ApiKey()


def _load_pool(loader: TypedLoader, location: Location) -> Any:
    nodes: list[yaml.Node] = location.node.value
    if not _MIN_KEYS <= len(nodes) <= _MAX_KEYS:
        return loader.reject(location, f"expected a key, or a list of 2 to 16 keys, got a list of {len(nodes)}")
    places = [Location(node, f"{location.path}[{index}]") for index, node in enumerate(nodes)]
    keys = [_load_key(loader, place, f"key {number}") for number, place in enumerate(places, 1)]
    if INVALID in keys:
        return INVALID
    labels = [key.label for key in keys]
    for place, key in zip(places, keys, strict=True):
        if labels.count(key.label) > 1:
            return loader.reject(place, "another key of the list has the same name")
    return _pool(keys)


def _load_key(loader: TypedLoader, location: Location, position: str) -> Any:
    if not isinstance(location.node, yaml.MappingNode):
        secret = loader.load(location, Secret)
        return secret if secret is INVALID else PoolKey(secret, position, secret)
    entry = loader.load(location, PoolKeyConfig)
    if entry is INVALID:
        return INVALID
    return PoolKey(entry.value, entry.name or position, entry.account or entry.value)


def _pool(keys: Iterable[PoolKey]) -> ApiKey:
    """Return the pool without the keys that are unset, empty or unreadable, or the reasons if that is all of them."""
    usable = tuple(key for key in keys if not key.secret.missing)
    missing = tuple((key.label, key.secret.missing) for key in keys if key.secret.missing)
    if not usable:
        return ApiKey(Secret("", missing=", ".join(f"{label}: {reason}" for label, reason in missing)))
    return ApiKey(usable[0].secret, KeyPool(usable, missing))
