"""A map by target id that is bounded: targets of the configuration stay, of others the least recently used are evicted.

Callers choose the model name in target ids that come from a pattern such as `openai/*`, so nothing else limits their
number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_UNPINNED = 1000

T = TypeVar("T")


@dataclass(slots=True)
class TargetMap(Generic[T]):
    """Creates values on first use. Pinned ids are kept, of the others the `max_unpinned` used last."""

    create: Callable[[], T]
    max_unpinned: int = MAX_UNPINNED
    pinned: frozenset[str] = frozenset()
    """Set by `pin`."""
    on_evict: Callable[[str, T], None] = lambda target, value: None
    _pinned_values: dict[str, T] = field(default_factory=dict)
    _unpinned_values: dict[str, T] = field(default_factory=dict)
    """Least recently used first."""

    def get_or_create(self, target: str) -> T:
        """Return the target's value, created if it is missing, and mark it as used."""
        if target in self._pinned_values:
            return self._pinned_values[target]
        value = self._unpinned_values.pop(target, None) or self.create()
        if target in self.pinned:
            self._pinned_values[target] = value
            return value
        self._unpinned_values[target] = value
        self._evict()
        return value

    def get(self, target: str) -> T | None:
        """Return the target's value if there is one, without marking it as used."""
        return self._pinned_values.get(target) or self._unpinned_values.get(target)

    def pin(self, targets: frozenset[str]) -> None:
        """Keep these ids from now on. Ids that were pinned before become evictable. Call it at each reload."""
        self.pinned = targets
        values = {**self._unpinned_values, **self._pinned_values}
        self._pinned_values = {target: value for target, value in values.items() if target in targets}
        self._unpinned_values = {target: value for target, value in values.items() if target not in targets}
        self._evict()

    def take(self, is_taken: Callable[[str], bool]) -> dict[str, T]:
        """Remove the values of the targets for which `is_taken` holds, and return them."""
        taken: dict[str, T] = {}
        for values in (self._pinned_values, self._unpinned_values):
            taken |= {target: values.pop(target) for target in list(values) if is_taken(target)}
        return taken

    def _evict(self) -> None:
        while len(self._unpinned_values) > self.max_unpinned:
            target = next(iter(self._unpinned_values))
            self.on_evict(target, self._unpinned_values.pop(target))

    def __len__(self) -> int:
        return len(self._pinned_values) + len(self._unpinned_values)

    def __iter__(self) -> Iterator[str]:
        yield from self._pinned_values
        yield from self._unpinned_values
