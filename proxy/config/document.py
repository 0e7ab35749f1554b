"""Text becomes a tree of YAML nodes that know their line and column; nothing in it is interpreted yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

MAX_FILE_BYTES = 1024 * 1024
"""Bytes, as large as a ConfigMap can be."""
MAX_NODES = 200_000
"""Nodes after aliases are followed: a file of a few lines can otherwise stand for billions."""
MAX_DEPTH = 24

_SAFE_TO_SHOW = re.compile(
    r"[+-]?\d{1,9}(?:\.\d{1,9})? ?(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|%|[kmg]?i?b)?"
    r"|true|false|yes|no|on|off|auto|none|null|.{0,3}"
    r"|\$\{(?:[a-z_][a-z0-9_]*|file:/[^}]*)\}",
    re.IGNORECASE,
)
"""Numbers with units, words and variables; and what is too short for a secret."""
_KEY_NAME = re.compile(r"[a-z]+(?:_[a-z]+)*|[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""What keys of the file look like, and a middleware's `package.module:Name`; no key of a provider looks so."""
_QUOTED = re.compile(r""" ?(["'])[\w.!:/+-]{3,}\1""")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in the file: where, and what to do about it."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.line}:{self.column}: {self.path}: {self.message}"
            if self.path
            else (f"{self.line}:{self.column}: {self.message}")
        )


class ConfigError(Exception):
    """The file cannot be used; `problems` says everything that is wrong with it, in the file's order."""

    files: frozenset[str] = frozenset()
    """The other files it names, as far as they are known: what is wrong may be there."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = sorted(set(problems))
        super().__init__("\n".join(f"{name}:{problem}" for problem in self.problems))


@dataclass(slots=True)
class Document:
    """A file while it is read: its tree, where each path stands, and what has been found wrong so far."""

    name: str
    root: yaml.Node
    problems: list[Problem] = field(default_factory=list)
    marks: dict[str, yaml.Mark] = field(default_factory=dict)

    def add_error(self, path: str, message: str, node: yaml.Node | None = None) -> None:
        """Note a problem at `node`, else where `path`, or the nearest thing above it, stands."""
        mark = node.start_mark if node is not None else self._nearest_mark(path)
        self.problems.append(Problem(mark.line + 1, mark.column + 1, path, message))

    def raise_if_invalid(self) -> None:
        """Raise ConfigError if anything was found wrong."""
        if self.problems:
            raise ConfigError(self.name, self.problems)

    def _nearest_mark(self, path: str) -> yaml.Mark:
        while path and path not in self.marks:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.marks.get(path, self.root.start_mark)


def parse(text: str, name: str = "routing.yaml") -> Document:
    """The document of `text`; ConfigError if it is no YAML, no mapping, too large, or a bomb."""
    if len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
        raise ConfigError(name, [Problem(1, 1, "", f"the file is over {MAX_FILE_BYTES} bytes")])
    try:
        _check_depth(text, name)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _config_error(name, error.problem_mark or error.context_mark, _yaml_error_text(error.problem)) from error
    except yaml.YAMLError as error:
        raise ConfigError(name, [Problem(1, 1, "", _yaml_error_text(str(error).splitlines()[0]))]) from error
    if root is None:
        raise ConfigError(name, [Problem(1, 1, "", "the file is empty")])
    document = Document(name, root)
    _check_limits(document)
    return document


def _yaml_error_text(problem: object) -> str:
    # The parser quotes names such as an alias: with a key in the wrong place, that is the key.
    return f"not YAML: {_QUOTED.sub('', str(problem))}"


def _check_depth(text: str, name: str) -> None:
    """Composing recurses, in C without a limit of its own, so depth is measured on the flat events before it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH + 1:
            raise _config_error(name, event.start_mark, f"nested deeper than {MAX_DEPTH}")


def _config_error(name: str, mark: Any, message: str) -> ConfigError:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return ConfigError(name, [Problem(line, column, "", message)])


def _check_limits(document: Document) -> None:
    for count, (node, depth) in enumerate(_iterate_nodes(document.root, 0), 1):
        if count > MAX_NODES or depth > MAX_DEPTH:
            limit = f"more than {MAX_NODES} values" if count > MAX_NODES else f"nested deeper than {MAX_DEPTH}"
            document.add_error("", f"{limit}, aliases followed", node)
            break
    if not isinstance(document.root, yaml.MappingNode):
        document.add_error("", "expected a mapping with keys such as providers and models", document.root)
    document.raise_if_invalid()


def _iterate_nodes(node: yaml.Node, depth: int) -> Iterator[tuple[yaml.Node, int]]:
    pending = [(node, depth)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        if isinstance(node, yaml.MappingNode):
            pending.extend((child, depth + 1) for pair in node.value for child in pair)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend((child, depth + 1) for child in node.value)


def quote_if_safe(value: str) -> str:
    """Return `'10 sec'`, the value as the file has it, if that cannot be a secret; else `text`.

    Any other value may be a key in the wrong place: its line and column are enough to find it."""
    return f"'{value}'" if _SAFE_TO_SHOW.fullmatch(value) else "text"


def is_key_name(key: str) -> bool:
    """Return whether a key looks like those of the file, so that it can be shown."""
    return len(key) <= 100 and _KEY_NAME.fullmatch(key) is not None


def suggestion(word: str, known: list[str]) -> str:
    """`; did you mean 'x'?` for a near name, else the names there are."""
    near = get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
