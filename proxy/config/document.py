"""Parses the text of routing.yaml into YAML nodes with line and column, and collects problems with their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

from proxy.config.merge_keys import resolve_merge_keys
from proxy.control_chars import escape_control_chars

MAX_FILE_BYTES = 1024 * 1024
"""The largest size of a ConfigMap."""
MAX_NODES = 200_000
"""With aliases expanded: otherwise a file of a few lines can stand for billions of nodes."""
MAX_DEPTH = 24

_SAFE_TO_SHOW = re.compile(
    r"[+-]?\d{1,9}(?:\.\d{1,9})? ?(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|%|[kmg]?i?b)?"
    r"|true|false|yes|no|on|off|auto|none|null|.{0,3}"
    r"|\$\{(?:[a-z_][a-z0-9_]*|file:/[^}]*)\}",
    re.IGNORECASE,
)
"""Numbers with units, keywords, variables, and values too short for a secret."""
_KEY_NAME = re.compile(r"[a-z]+(?:_[a-z]+)*|[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""Keys of the file, and a middleware's `package.module:Name`. No provider's API key has this form."""
_QUOTED = re.compile(r""" ?(["'])[\w.!:/+-]{3,}\1""")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """An error in the file: where it is and how to fix it."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.line}:{self.column}: {escape_control_chars(path + self.message)}"


class ConfigError(Exception):
    """The file is invalid. `problems` lists all errors in it, in order of line."""

    files: frozenset[str] = frozenset()
    """The files it refers to, as far as they are known: the error may be in one of them."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = sorted(set(problems))
        super().__init__("\n".join(f"{name}:{problem}" for problem in self.problems))


@dataclass(slots=True)
class Document:
    """A file while it is loaded: its tree, the place of each path in it, and the problems found so far."""

    name: str
    root: yaml.Node = field(repr=False)
    problems: list[Problem] = field(default_factory=list)
    marks: dict[str, yaml.Mark] = field(default_factory=dict)

    def add_error(self, path: str, message: str, node: yaml.Node | None = None) -> None:
        """Add a problem at `node`, or without one at the place of `path` or of its nearest known parent."""
        mark = node.start_mark if node is not None else self._nearest_mark(path)
        self.problems.append(Problem(mark.line + 1, mark.column + 1, path, message))

    def raise_if_invalid(self) -> None:
        """Raise ConfigError if there is any problem."""
        if self.problems:
            raise ConfigError(self.name, self.problems)

    def _nearest_mark(self, path: str) -> yaml.Mark:
        while path and path not in self.marks:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.marks.get(path, self.root.start_mark)


def parse(text: str, name: str = "routing.yaml", keys: str = "providers and models") -> Document:
    """Parse YAML, with its merge keys resolved and without the top-level keys that begin with `x-`.

    Raises ConfigError if it is invalid, not a mapping, too large or too deeply nested. `keys` names some keys of such a
    file, for the error.
    """
    if len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
        raise ConfigError(name, [Problem(1, 1, "", f"the file is larger than {MAX_FILE_BYTES} bytes")])
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
    _check_limits(document, keys)
    resolve_merge_keys(root, lambda node, message: document.add_error("", message, node))
    root.value = [(key, value) for key, value in root.value if not _is_ignored(key)]
    return document


def _is_ignored(key: yaml.Node) -> bool:
    """Return whether a key of the top level, such as `x-large`, is a place for anchors and notes."""
    return isinstance(key, yaml.ScalarNode) and key.value.startswith("x-")


def _yaml_error_text(problem: object) -> str:
    # The parser quotes names such as an alias, which may be a misplaced API key.
    return f"invalid YAML: {_QUOTED.sub('', str(problem))}"


def _check_depth(text: str, name: str) -> None:
    # Composing recurses, in C without a limit, so the depth is checked on the flat list of events first.
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


def _check_limits(document: Document, keys: str) -> None:
    for count, (node, depth) in enumerate(_iterate_nodes(document.root, 0), 1):
        if count > MAX_NODES or depth > MAX_DEPTH:
            limit = f"more than {MAX_NODES} values" if count > MAX_NODES else f"nested deeper than {MAX_DEPTH}"
            document.add_error("", f"{limit}, with aliases expanded", node)
            break
    if not isinstance(document.root, yaml.MappingNode):
        document.add_error("", f"expected a mapping with keys such as {keys}", document.root)
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
    """Return the value in quotes if it cannot be a secret, else `text`.

    A value in the wrong place may be an API key. Line and column are enough to find it.
    """
    return f"'{value}'" if _SAFE_TO_SHOW.fullmatch(value) else "text"


def is_key_name(key: str) -> bool:
    """Return whether a key has the form of a key of the file, so that it may be shown."""
    return len(key) <= 100 and _KEY_NAME.fullmatch(key) is not None


def suggestion(word: str, known: list[str]) -> str:
    """Return `; did you mean 'x'?` for a similar name, else `; known: ` and all names."""
    similar = get_close_matches(word, known, n=1)
    if similar:
        return f"; did you mean '{similar[0]}'?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
