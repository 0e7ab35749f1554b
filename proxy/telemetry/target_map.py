"""What is kept by target id: the named ones for good, others as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_UNPINNED = 1000
"""Targets that come from a pattern: their names are the callers' choice, so their number must not be."""

T = TypeVar("T")


@dataclass(slots=True)
class TargetMap(Generic[T]):
    """A mapping that makes what is asked for; of what is not `pinned`, the longest unused goes first."""

    create: Callable[[], T]
    max_unpinned: int = MAX_UNPINNED
    pinned: frozenset[str] = frozenset()
    """The ids in routing.yaml's table; set at each reload."""
    on_evict: Callable[[str, T], None] = lambda target, value: None
    """Told of each one that has to go."""
    _kept: dict[str, T] = field(default_factory=dict)
    _passing: dict[str, T] = field(default_factory=dict)

    def get_or_create(self, target: str) -> T:
        """The target's own, made if there is none."""
        if target in self._kept:
            return self._kept[target]
        value = self._passing.pop(target, None) or self.create()
        if target in self.pinned:
            self._kept[target] = value
            return value
        self._passing[target] = value
        self._make_room()
        return value

    def get(self, target: str) -> T | None:
        """The target's own, if it has been used; looking does not count as use."""
        return self._kept.get(target) or self._passing.get(target)

    def pin(self, targets: frozenset[str]) -> None:
        """From now on these are kept for good, and whichever were before take their chance with the others."""
        self.pinned = targets
        everyone = {**self._passing, **self._kept}
        self._kept = {target: value for target, value in everyone.items() if target in targets}
        self._passing = {target: value for target, value in everyone.items() if target not in targets}
        self._make_room()

    def _make_room(self) -> None:
        while len(self._passing) > self.max_unpinned:
            target = next(iter(self._passing))
            self.on_evict(target, self._passing.pop(target))

    def __len__(self) -> int:
        return len(self._kept) + len(self._passing)

    def __iter__(self) -> Iterator[str]:
        yield from self._kept
        yield from self._passing
