"""Sanitises tool names and ids for a provider's naming rule: unique, stable over a conversation, and reversible."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True, slots=True)
class NameRule:
    """A provider's rule for names. `allowed` and `first` are the contents of a regular expression's character class."""

    allowed: str = "A-Za-z0-9_-"
    limit: int = 64
    first: str = ""
    """Characters allowed in the first place, if fewer than `allowed`. `_` must be in both."""
    _valid: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _invalid_character: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _valid_start: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = self.first or self.allowed
        object.__setattr__(self, "_valid", re.compile(f"[{first}][{self.allowed}]{{0,{self.limit - 1}}}"))
        object.__setattr__(self, "_invalid_character", re.compile(f"[^{self.allowed}]"))
        object.__setattr__(self, "_valid_start", re.compile(f"[{first}]"))

    def is_valid(self, name: str) -> bool:
        """Whether the provider accepts the name."""
        return self._valid.fullmatch(name) is not None

    def closest_valid(self, name: str) -> str:
        """Return the closest valid name: invalid characters become `_`. Two names may have the same one."""
        name = self._invalid_character.sub("_", name[: self.limit])
        if not self._valid_start.match(name):
            name = "_" + name
        return name[: self.limit]


def sanitize_names(names: Iterable[str], rule: NameRule) -> dict[str, str]:
    """Map the caller's names to valid names for the provider: unique, and unchanged where already valid."""
    distinct = list(dict.fromkeys(names))
    valid = {name: name for name in distinct if rule.is_valid(name)}
    unique = UniqueNames(rule, valid)
    return valid | {name: unique.assign(name) for name in distinct if name not in valid}


def original_names(sanitized: Mapping[str, str]) -> dict[str, str]:
    """Invert what `sanitize_names` returned, for `ProviderRequest.tool_names`: only the names that differ."""
    return {sent: name for name, sent in sanitized.items() if sent != name}


class UniqueNames:
    """Assigns valid names, no two the same, in time linear in the length of all names.

    Tries the closest valid name, then that with a suffix: the hash of the whole name, which is the same in every turn of a
    conversation, then hashes of that hash. A name that is assigned again continues with its remaining candidates, so none
    is tried twice. Example: `a.b` becomes `a_b`, or `a_b_292c1d51` if `a_b` is taken.
    """

    def __init__(self, rule: NameRule, taken: Iterable[str] = ()) -> None:
        self._rule = rule
        self._taken = set(taken)
        self._candidates: dict[str, Iterator[str]] = {}

    def assign(self, name: str) -> str:
        """Return a name that was not assigned before."""
        assigned = self._rule.closest_valid(name)
        if assigned in self._taken:
            candidates = self._candidates.get(name) or self._candidates.setdefault(name, self._hashed(name, assigned))
            assigned = next(candidate for candidate in candidates if candidate not in self._taken)
        self._taken.add(assigned)
        return assigned

    def _hashed(self, name: str, closest: str) -> Iterator[str]:
        return (f"{closest[: self._rule.limit - 9]}_{digest.hex()[:8]}" for digest in digests(name))


def digests(name: str) -> Iterator[bytes]:
    """Yield hashes of a name, endlessly. Only the first costs time in proportion to the name's length."""
    digest = hashlib.sha256(f"0{name}".encode("utf-8", "surrogatepass"))
    for number in count(1):
        yield digest.digest()
        digest.update(b"%d" % number)
