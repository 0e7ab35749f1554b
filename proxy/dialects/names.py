"""Names that a provider would not take, made into names that it takes: no two become one, and all can be turned back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What a provider takes as a name; `allowed` and `first` are the insides of a regular expression's character class."""

    allowed: str = "A-Za-z0-9_-"
    limit: int = 64
    first: str = ""
    """What may stand first, where that is less than `allowed`; `_` must be in both."""

    def takes(self, name: str) -> bool:
        """Whether the name can stay as it is."""
        first = self.first or self.allowed
        return len(name) <= self.limit and re.fullmatch(f"[{first}][{self.allowed}]*", name) is not None

    def near(self, name: str) -> str:
        """The nearest name that is taken, perhaps that of another."""
        name = re.sub(f"[^{self.allowed}]", "_", name)
        if not re.match(f"[{self.first or self.allowed}]", name):
            name = "_" + name
        return name[: self.limit]


def fitting(names: Iterable[str], rule: Rule) -> dict[str, str]:
    """The caller's names -> what the provider is told: each fits the rule, no two are the same, good ones stay."""
    wanted = list(dict.fromkeys(names))
    given = {name: name for name in wanted if rule.takes(name)}
    taken = set(given)
    for name in wanted:
        if name not in given:
            given[name] = free(name, rule, taken)
            taken.add(given[name])
    return given


def changed(given: Mapping[str, str]) -> dict[str, str]:
    """What `Asking.names` holds: the provider's names -> the caller's, of those that differ."""
    return {told: name for name, told in given.items() if told != name}


def free(name: str, rule: Rule, taken: set[str]) -> str:
    """The nearest name if nobody has it, else with a hash of the whole name: the same in every turn of a conversation."""
    near, count = rule.near(name), 0
    candidate = near
    while candidate in taken:
        digest = hashlib.sha256(f"{count}{name}".encode()).hexdigest()[:8]
        candidate = f"{near[: rule.limit - 9]}_{digest}"
        count += 1
    return candidate
