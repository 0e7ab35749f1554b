"""Names that a provider would not take, made into names that it takes: no two become one, and all can be turned back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class NameRule:
    """What a provider takes as a name; `allowed` and `first` are the insides of a regular expression's character class."""

    allowed: str = "A-Za-z0-9_-"
    limit: int = 64
    first: str = ""
    """What may stand first, where that is less than `allowed`; `_` must be in both."""

    def is_valid(self, name: str) -> bool:
        """Whether the name can stay as it is."""
        first = self.first or self.allowed
        return len(name) <= self.limit and re.fullmatch(f"[{first}][{self.allowed}]*", name) is not None

    def closest_valid(self, name: str) -> str:
        """The nearest name that is taken, perhaps that of another."""
        name = re.sub(f"[^{self.allowed}]", "_", name[: self.limit])
        if not re.match(f"[{self.first or self.allowed}]", name):
            name = "_" + name
        return name[: self.limit]


def sanitize_names(names: Iterable[str], rule: NameRule) -> dict[str, str]:
    """The caller's names -> what the provider is told: each fits the rule, no two are the same, good ones stay."""
    wanted = list(dict.fromkeys(names))
    given = {name: name for name in wanted if rule.is_valid(name)}
    unique = UniqueNames(rule, given)
    return given | {name: unique.assign(name) for name in wanted if name not in given}


def original_names(given: Mapping[str, str]) -> dict[str, str]:
    """What `Asking.names` holds: the provider's names -> the caller's, of those that differ."""
    return {told: name for name, told in given.items() if told != name}


class UniqueNames:
    """Assigns names that fit a rule, no two the same, in time linear in the length of all names.

    First the closest name that fits, then the closest with a hash of the whole name, which is the same in every turn of a
    conversation. A name that is assigned again goes on with the candidates that are left, so none is tried twice for it."""

    def __init__(self, rule: NameRule, taken: Iterable[str] = ()) -> None:
        self._rule = rule
        self._taken = set(taken)
        self._candidates: dict[str, Iterator[str]] = {}

    def assign(self, name: str) -> str:
        """Return a name that was not assigned before."""
        found = self._rule.closest_valid(name)
        if found in self._taken:
            candidates = self._candidates.get(name) or self._candidates.setdefault(name, self._hashed(name, found))
            found = next(candidate for candidate in candidates if candidate not in self._taken)
        self._taken.add(found)
        return found

    def _hashed(self, name: str, near: str) -> Iterator[str]:
        return (f"{near[: self._rule.limit - 9]}_{digest.hex()[:8]}" for digest in digests(name))


def digests(name: str) -> Iterator[bytes]:
    """Yield hashes of a name without end; only the first costs time in proportion to the name's length."""
    digest = hashlib.sha256(f"0{name}".encode("utf-8", "surrogatepass"))
    for number in count(1):
        yield digest.digest()
        digest.update(b"%d" % number)
