"""What targets have refused of requests lately: members that the request needs, and those it can do without."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from msgspec import Struct

from proxy.telemetry.target_map import TargetMap

HELD_S = 600.0
"""How long a refusal is remembered."""
MAX_MEMBERS = 32
"""Members that are remembered for a target. The first refused are forgotten first."""

T = TypeVar("T", bound=Hashable)


class RefusedMember(Struct, frozen=True):
    """A member of a request that a target has refused."""

    name: str
    """In OpenAI's words, such as `temperature`."""
    is_added: bool = False
    """Whether the sidecar had added it: it is refused of requests that do not have it."""

    def is_in(self, body: Mapping[str, object]) -> bool:
        """Return whether a request would be sent with that member."""
        return (self.name in body) is not self.is_added


NOTHING_REFUSED: Mapping[str, frozenset[Any]] = MappingProxyType({})


@dataclass(slots=True)
class RefusalMemory(Generic[T]):
    """What every target has refused, by its id."""

    _held_until: TargetMap[dict[T, float]] = field(default_factory=lambda: TargetMap(dict))
    current: Mapping[str, frozenset[T]] = field(default_factory=lambda: NOTHING_REFUSED)
    """What `at` returns until `_changes_at`. Empty if nothing is refused, which saves the call."""
    _changes_at: float = 0.0

    def record(self, target: str, member: T, now: float) -> None:
        """Remember that a target has refused a member."""
        held_until = self._held_until.get_or_create(target)
        held_until.pop(member, None)
        held_until[member] = now + HELD_S
        while len(held_until) > MAX_MEMBERS:
            del held_until[next(iter(held_until))]
        self._refresh(now)

    def at(self, now: float) -> Mapping[str, frozenset[T]]:
        """Return the members that each target refuses at that time, by its id. Targets without any are left out."""
        if self.current and now >= self._changes_at:
            self._refresh(now)
        return self.current

    def forget(self, is_outdated: Callable[[str], bool]) -> None:
        """Forget what the targets have refused for which `is_outdated` holds."""
        self._held_until.take(is_outdated)
        self.current = {target: members for target, members in self.current.items() if not is_outdated(target)}

    def pin(self, targets: frozenset[str]) -> None:
        """Keep what is known of these targets however many others are used."""
        self._held_until.pin(targets)

    def _refresh(self, now: float) -> None:
        held = {target: self._held_until.get(target) or {} for target in self._held_until}
        self.current = {
            target: found
            for target, members in held.items()
            if (found := frozenset(member for member, until in members.items() if now < until))
        }
        ends = (until for members in held.values() for until in members.values() if now < until)
        self._changes_at = min(ends, default=0.0)
