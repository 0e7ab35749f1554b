"""Patterns of model names: `*` stands for any text. What it stood for can be used in the upstream model's name."""

from __future__ import annotations

import re
from functools import lru_cache

_PLACEHOLDER = re.compile(r"\*|\$[1-9]")


def star_texts(pattern: str, name: str) -> tuple[str, ...] | None:
    """Return what each star of a pattern stands for in a name, or None if the whole name does not match."""
    found = _compiled(pattern).fullmatch(name)
    return None if found is None else found.groups()


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Each star but the last takes as little as possible and is never extended again, so matching takes linear time."""
    first, *others = map(re.escape, pattern.split("*"))
    if not others:
        return re.compile(first)
    return re.compile("".join([first, *(f"(?>(.*?){each})" for each in others[:-1]), f"(.*){others[-1]}"]))


def expand(template: str, name: str, texts: tuple[str, ...]) -> str:
    """Return the upstream name for a requested one, of which the pattern's stars took these texts.

    `*` alone is the requested name. Within a longer template the first `*` is what the pattern's first star stood for,
    and so on, or of a pattern with one star always that. `$1` is what the first star stood for.
    """
    if template == "*":
        return name
    parts = _PLACEHOLDER.split(template)
    values = [texts[index] for index in _star_indices(template, len(texts))]
    return "".join(part + value for part, value in zip(parts, [*values, ""], strict=True))


def template_error(template: str, pattern: str) -> str | None:
    """Return what is wrong with the upstream name of a row, or None."""
    stars = pattern.count("*")
    if template == "*" or all(index < stars for index in _star_indices(template, stars)):
        return None
    known = f"has {stars} `*`" if stars else "is no pattern"
    return f"`*` and `$1` in it stand for a `*` of the model's name, but '{pattern}' {known}"


@lru_cache(maxsize=8192)
def is_expansion(template: str, pattern: str, upstream: str) -> bool:
    """Return whether some name that the pattern matches becomes this upstream name by the template."""
    if template == "*":
        return star_texts(pattern, upstream) is not None
    parts = list(map(re.escape, _PLACEHOLDER.split(template)))
    groups: list[str] = []
    for index in _star_indices(template, pattern.count("*")):
        groups.append(f"(?P=s{index})" if f"(?P<s{index}>.*)" in groups else f"(?P<s{index}>.*)")
    regex = "".join(part + group for part, group in zip(parts, [*groups, ""], strict=True))
    return bool(groups) and re.fullmatch(regex, upstream) is not None


def _star_indices(template: str, stars: int) -> list[int]:
    """Return, for each placeholder of a template, the index of the pattern's star that it stands for."""
    found: list[int] = []
    count = 0
    for placeholder in _PLACEHOLDER.findall(template):
        if placeholder == "*":
            found.append(0 if stars == 1 else count)
            count += 1
        else:
            found.append(int(placeholder[1]) - 1)
    return found
