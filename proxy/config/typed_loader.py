"""Nodes become typed values, driven by the types themselves; every mistake is noted and reading goes on."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import yaml
from msgspec import inspect

from proxy.config.document import Document, is_key_name, quote_if_safe, suggestion
from proxy.config.units import Secret
from proxy.config.variables import UnreadableFileError, UnsetVariableError, expand
from proxy.redaction import Redactor

INVALID: Any = object()
"""Stands for a value that could not be read; a problem has been noted."""

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NULLS = ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Location:
    """Something in the file: the node, and the path that leads to it."""

    node: yaml.Node
    path: str

    def child(self, key: str, node: yaml.Node) -> Location:
        """What stands under a key."""
        return Location(node, f"{self.path}.{key}" if self.path else key)


@dataclass(frozen=True, slots=True)
class TypedLoader:
    """Reads one document; `environ` and `read_file` are where `${NAME}` and `${file:PATH}` come from."""

    document: Document
    environ: Mapping[str, str]
    read_file: Callable[[str], str]
    secrets: list[str] = field(default_factory=list)
    """The values of all options that are secrets."""
    substituted_values: list[tuple[str, str]] = field(default_factory=list)
    """Path and value of each variable that was replaced."""

    def load(self, location: Location, kind: Any) -> Any:
        """The value there as a `kind` (any type msgspec knows), or WRONG."""
        return self.load_type(location, inspect.type_info(kind))

    def load_type(self, location: Location, kind: inspect.Type) -> Any:
        """As `load`, for a type already inspected."""
        self.document.marks[location.path] = location.node.start_mark
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind
        read = _LOADERS.get(type(kind))
        if read is None or (isinstance(kind, inspect.CustomType) and not hasattr(kind.cls, "parse")):
            return self.reject(location, "options of this type cannot be read from a file")
        return read(self, location, kind)

    def reject(self, location: Location, message: str) -> Any:
        """Note a problem and return WRONG."""
        self.document.add_error(location.path, message, location.node)
        return INVALID

    def scalar_text(self, location: Location, expected: str) -> Any:
        """A scalar's text, its variables replaced; WRONG for anything else. Raises Unset and Unreadable."""
        node = location.node
        if not isinstance(node, yaml.ScalarNode):
            return self.reject(location, f"expected {expected}, got {_shape(location.node)}")
        if _is_null(location.node):
            return self.reject(location, f"expected {expected}, got nothing")
        text, values = expand(node.value, self.environ, self.read_file)
        self.substituted_values.extend((location.path, value) for value in values)
        return text


def _shape(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return quote_if_safe(node.value)
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


def _scalar(expected: str, parse: Callable[[str], Any]) -> Callable[[TypedLoader, Location, Any], Any]:
    """A loader of scalars whose text `parse` turns into a value, or refuses with ValueError."""

    def read(loader: TypedLoader, location: Location, kind: Any) -> Any:
        try:
            text = loader.scalar_text(location, expected)
            return text if text is INVALID else _check_bounds(loader, location, kind, parse(text))
        except UnreadableFileError as unreadable:
            return loader.reject(location, str(unreadable))
        except UnsetVariableError as unset:
            return loader.reject(location, f"variable {unset} is not set; set it, or write ${{{unset}:-default}}")
        except (ValueError, OverflowError):
            return loader.reject(location, f"expected {expected}, got {_shape(location.node)}")

    return read


_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("ge", "at least", operator.ge),
    ("gt", "more than", operator.gt),
    ("le", "at most", operator.le),
    ("lt", "less than", operator.lt),
)


def _check_bounds(loader: TypedLoader, location: Location, kind: Any, value: Any) -> Any:
    """The value, if the type's own bounds allow it."""
    for name, words, holds in _BOUNDS:
        bound = getattr(kind, name, None)
        if bound is not None and not holds(value, bound):
            return loader.reject(location, f"must be {words} {bound}, got {_shape(location.node)}")
    if getattr(kind, "pattern", None) and not re.search(kind.pattern, value):
        return loader.reject(location, f"does not match {kind.pattern}")
    return value


def _boolean(text: str) -> bool:
    # YAML 1.1 would also take yes, no, on and off, and so Norway's code for a refusal.
    return text == "true" if text in ("true", "false") else _raise_value_error(text)


def _raise_value_error(text: str) -> Any:
    raise ValueError(text)


def _integer(text: str) -> int:
    return int(text) if _INTEGER.fullmatch(text) else _raise_value_error(text)


def _number(text: str) -> float:
    return number if _NUMBER.fullmatch(text) and isfinite(number := float(text)) else _raise_value_error(text)


def _none(loader: TypedLoader, location: Location, kind: inspect.NoneType) -> Any:
    return (
        None if _is_null(location.node) else loader.reject(location, f"expected nothing, got {_shape(location.node)}")
    )


def _literal(loader: TypedLoader, location: Location, kind: inspect.LiteralType) -> Any:
    words = [str(value) for value in kind.values]
    try:
        text = loader.scalar_text(location, " or ".join(words))
    except UnreadableFileError as unreadable:
        return loader.reject(location, str(unreadable))
    except (UnsetVariableError, ValueError):
        text = None
    if text is INVALID or text in words:
        return text
    return loader.reject(location, f"expected {' or '.join(words)}, got {_shape(location.node)}")


def _custom(loader: TypedLoader, location: Location, kind: inspect.CustomType) -> Any:
    read = _scalar(kind.cls.expected, kind.cls.parse)  # type: ignore[attr-defined]
    if kind.cls is not Secret:
        return read(loader, location, kind)
    try:
        text = loader.scalar_text(location, Secret.expected)
        loader.secrets.extend([] if text is INVALID else [text.strip()])
        return text if text is INVALID else _secret(text.strip(), location)
    except UnreadableFileError as unreadable:
        return loader.reject(location, str(unreadable)) if unreadable.is_local else Secret("", missing=str(unreadable))
    except UnsetVariableError as unset:
        return Secret("", missing=f"{unset} is not set")
    except ValueError:
        return loader.reject(location, "the secret has a space, a line break or a character beyond ASCII in it")


def _secret(text: str, location: Location) -> Secret:
    if text:
        return Secret.parse(text)
    written = location.node.value.strip()  # empty, or nothing but variables
    return Secret("", missing=f"{written or 'the key'} is empty")


def _list(loader: TypedLoader, location: Location, kind: Any) -> Any:
    if not isinstance(location.node, yaml.SequenceNode):
        return loader.reject(location, f"expected a list, got {_shape(location.node)}")
    items = [
        loader.load_type(Location(item, f"{location.path}[{index}]"), kind.item_type)
        for index, item in enumerate(location.node.value)
    ]
    return tuple(items) if isinstance(kind, inspect.VarTupleType) else items


def mapping_items(loader: TypedLoader, location: Location) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Key, key's node and value's node of a mapping; duplicates and keys that are no text are noted."""
    if not isinstance(location.node, yaml.MappingNode):
        loader.reject(location, f"expected a mapping, got {_shape(location.node)}")
        return []
    found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
    for key, value in location.node.value:
        if not isinstance(key, yaml.ScalarNode):
            loader.reject(Location(key, location.path), "a key must be text")
        elif key.value in found:
            first = found[key.value][1].start_mark.line + 1
            loader.reject(location.child(key.value, key), f"duplicate key; it stands on line {first} already")
        else:
            found[key.value] = (key.value, key, value)
    return list(found.values())


def _dict(loader: TypedLoader, location: Location, kind: inspect.DictType) -> Any:
    return {
        key: loader.load_type(location.child(key, value), kind.value_type)
        for key, _, value in mapping_items(loader, location)
    }


def _record(loader: TypedLoader, location: Location, kind: Any) -> Any:
    """A msgspec struct or a dataclass: its fields are the keys that may stand here."""
    if not isinstance(location.node, yaml.MappingNode):
        return loader.reject(location, f"expected a mapping, got {_shape(location.node)}")
    fields = {known.encode_name: known for known in kind.fields}
    values = {}
    for key, key_node, value in mapping_items(loader, location):
        if key in fields:
            values[fields[key].name] = loader.load_type(location.child(key, value), fields[key].type)
        else:
            where = location.child(key, key_node) if is_key_name(key) else Location(key_node, location.path)
            loader.reject(where, f"unknown key{suggestion(key, list(fields))}")
    for name, known in fields.items():
        if known.required and known.name not in values:
            values[known.name] = loader.reject(location.child(name, location.node), "is missing")
    if any(value is INVALID for value in values.values()):
        values = {name: value for name, value in values.items() if value is not INVALID}
        if any(known.required and known.name not in values for known in fields.values()):
            return INVALID
    return _construct(loader, location, kind, values)


def _construct(loader: TypedLoader, location: Location, kind: Any, values: dict[str, Any]) -> Any:
    try:
        return kind.cls(**values)
    except ValueError as error:  # raised by __post_init__, of a user's own middleware too, which may quote its options
        private = Redactor([*loader.secrets, *(value for _, value in loader.substituted_values)])
        return loader.reject(location, private.redact_text(str(error)))


def _union(loader: TypedLoader, location: Location, kind: inspect.UnionType) -> Any:
    """The first member that reads without a mistake; else the mistakes of the last one of the node's shape."""
    if _is_null(location.node) and any(isinstance(member, inspect.NoneType) for member in kind.types):
        return None
    members = [member for member in kind.types if _has_shape_of(location.node, member)]
    if not members:
        expected = " or ".join(_expected(member) for member in kind.types if not isinstance(member, inspect.NoneType))
        return loader.reject(location, f"expected {expected}, got {_shape(location.node)}")
    value, before = INVALID, len(loader.document.problems)
    for member in members:
        del loader.document.problems[before:]
        value = loader.load_type(location, member)
        if len(loader.document.problems) == before:
            break
    return value


def _has_shape_of(node: yaml.Node, kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.StructType | inspect.DataclassType | inspect.DictType):
        return isinstance(node, yaml.MappingNode)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return isinstance(node, yaml.SequenceNode)
    return isinstance(node, yaml.ScalarNode) and not isinstance(kind, inspect.NoneType)


def _expected(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.CustomType):
        return str(kind.cls.expected)  # type: ignore[attr-defined]
    words = {inspect.StrType: "text", inspect.ListType: "a list", inspect.VarTupleType: "a list",
             inspect.FloatType: "a number", inspect.IntType: "a whole number"}  # fmt: skip
    return words.get(type(kind), "a mapping")


_LOADERS: dict[type, Callable[[TypedLoader, Location, Any], Any]] = {
    inspect.AnyType: lambda loader, location, kind: location.node,
    inspect.StrType: _scalar("text", str),
    inspect.BoolType: _scalar("true or false", _boolean),
    inspect.IntType: _scalar("a whole number", _integer),
    inspect.FloatType: _scalar("a number", _number),
    inspect.NoneType: _none,
    inspect.LiteralType: _literal,
    inspect.CustomType: _custom,
    inspect.ListType: _list,
    inspect.VarTupleType: _list,
    inspect.DictType: _dict,
    inspect.StructType: _record,
    inspect.DataclassType: _record,
    inspect.UnionType: _union,
}
