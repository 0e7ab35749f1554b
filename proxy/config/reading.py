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

from proxy.config.document import Document, is_name, quoted, suggestion
from proxy.config.quantities import Secret
from proxy.config.variables import Unreadable, Unset, expand
from proxy.redaction import Redactor

WRONG: Any = object()
"""Stands for a value that could not be read; a problem has been noted."""

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NULLS = ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Place:
    """Something in the file: the node, and the path that leads to it."""

    node: yaml.Node
    path: str

    def at(self, key: str, node: yaml.Node) -> Place:
        """What stands under a key."""
        return Place(node, f"{self.path}.{key}" if self.path else key)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one document; `environ` and `read_file` are where `${NAME}` and `${file:PATH}` come from."""

    document: Document
    environ: Mapping[str, str]
    read_file: Callable[[str], str]
    secrets: list[str] = field(default_factory=list)
    """The values of all options that are secrets."""
    substituted: list[tuple[str, str]] = field(default_factory=list)
    """Path and value of each variable that was replaced."""

    def read(self, place: Place, kind: Any) -> Any:
        """The value there as a `kind` (any type msgspec knows), or WRONG."""
        return self.typed(place, inspect.type_info(kind))

    def typed(self, place: Place, kind: inspect.Type) -> Any:
        """As `read`, for a type already inspected."""
        self.document.marks[place.path] = place.node.start_mark
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind
        read = _READERS.get(type(kind))
        if read is None or (isinstance(kind, inspect.CustomType) and not hasattr(kind.cls, "parse")):
            return self.wrong(place, "options of this type cannot be read from a file")
        return read(self, place, kind)

    def wrong(self, place: Place, message: str) -> Any:
        """Note a problem and return WRONG."""
        self.document.complain(place.path, message, place.node)
        return WRONG

    def text(self, place: Place, expected: str) -> Any:
        """A scalar's text, its variables replaced; WRONG for anything else. Raises Unset and Unreadable."""
        node = place.node
        if not isinstance(node, yaml.ScalarNode):
            return self.wrong(place, f"expected {expected}, got {_shape(place.node)}")
        if _is_null(place.node):
            return self.wrong(place, f"expected {expected}, got nothing")
        text, values = expand(node.value, self.environ, self.read_file)
        self.substituted.extend((place.path, value) for value in values)
        return text


def _shape(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return quoted(node.value)
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


def _scalar(expected: str, parse: Callable[[str], Any]) -> Callable[[Reader, Place, Any], Any]:
    """A reader of scalars whose text `parse` turns into a value, or refuses with ValueError."""

    def read(reader: Reader, place: Place, kind: Any) -> Any:
        try:
            text = reader.text(place, expected)
            return text if text is WRONG else _bounded(reader, place, kind, parse(text))
        except Unreadable as unreadable:
            return reader.wrong(place, str(unreadable))
        except Unset as unset:
            return reader.wrong(place, f"variable {unset} is not set; set it, or write ${{{unset}:-default}}")
        except (ValueError, OverflowError):
            return reader.wrong(place, f"expected {expected}, got {_shape(place.node)}")

    return read


_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("ge", "at least", operator.ge),
    ("gt", "more than", operator.gt),
    ("le", "at most", operator.le),
    ("lt", "less than", operator.lt),
)


def _bounded(reader: Reader, place: Place, kind: Any, value: Any) -> Any:
    """The value, if the type's own bounds allow it."""
    for name, words, holds in _BOUNDS:
        bound = getattr(kind, name, None)
        if bound is not None and not holds(value, bound):
            return reader.wrong(place, f"must be {words} {bound}, got {_shape(place.node)}")
    if getattr(kind, "pattern", None) and not re.search(kind.pattern, value):
        return reader.wrong(place, f"does not match {kind.pattern}")
    return value


def _boolean(text: str) -> bool:
    # YAML 1.1 would also take yes, no, on and off, and so Norway's code for a refusal.
    return text == "true" if text in ("true", "false") else _refuse(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _integer(text: str) -> int:
    return int(text) if _INTEGER.fullmatch(text) else _refuse(text)


def _number(text: str) -> float:
    return number if _NUMBER.fullmatch(text) and isfinite(number := float(text)) else _refuse(text)


def _none(reader: Reader, place: Place, kind: inspect.NoneType) -> Any:
    return None if _is_null(place.node) else reader.wrong(place, f"expected nothing, got {_shape(place.node)}")


def _literal(reader: Reader, place: Place, kind: inspect.LiteralType) -> Any:
    words = [str(value) for value in kind.values]
    try:
        text = reader.text(place, " or ".join(words))
    except Unreadable as unreadable:
        return reader.wrong(place, str(unreadable))
    except (Unset, ValueError):
        text = None
    if text is WRONG or text in words:
        return text
    return reader.wrong(place, f"expected {' or '.join(words)}, got {_shape(place.node)}")


def _custom(reader: Reader, place: Place, kind: inspect.CustomType) -> Any:
    read = _scalar(kind.cls.expected, kind.cls.parse)  # type: ignore[attr-defined]
    if kind.cls is not Secret:
        return read(reader, place, kind)
    try:
        text = reader.text(place, Secret.expected)
        reader.secrets.extend([] if text is WRONG else [text.strip()])
        return text if text is WRONG else _secret(text.strip(), place)
    except Unreadable as unreadable:
        return reader.wrong(place, str(unreadable)) if unreadable.is_local else Secret("", missing=str(unreadable))
    except Unset as unset:
        return Secret("", missing=f"{unset} is not set")
    except ValueError:
        return reader.wrong(place, "the secret has a space, a line break or a character beyond ASCII in it")


def _secret(text: str, place: Place) -> Secret:
    if text:
        return Secret.parse(text)
    written = place.node.value.strip()  # empty, or nothing but variables
    return Secret("", missing=f"{written or 'the key'} is empty")


def _list(reader: Reader, place: Place, kind: Any) -> Any:
    if not isinstance(place.node, yaml.SequenceNode):
        return reader.wrong(place, f"expected a list, got {_shape(place.node)}")
    items = [
        reader.typed(Place(item, f"{place.path}[{index}]"), kind.item_type)
        for index, item in enumerate(place.node.value)
    ]
    return tuple(items) if isinstance(kind, inspect.VarTupleType) else items


def pairs(reader: Reader, place: Place) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Key, key's node and value's node of a mapping; duplicates and keys that are no text are noted."""
    if not isinstance(place.node, yaml.MappingNode):
        reader.wrong(place, f"expected a mapping, got {_shape(place.node)}")
        return []
    found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
    for key, value in place.node.value:
        if not isinstance(key, yaml.ScalarNode):
            reader.wrong(Place(key, place.path), "a key must be text")
        elif key.value in found:
            first = found[key.value][1].start_mark.line + 1
            reader.wrong(place.at(key.value, key), f"duplicate key; it stands on line {first} already")
        else:
            found[key.value] = (key.value, key, value)
    return list(found.values())


def _dict(reader: Reader, place: Place, kind: inspect.DictType) -> Any:
    return {key: reader.typed(place.at(key, value), kind.value_type) for key, _, value in pairs(reader, place)}


def _record(reader: Reader, place: Place, kind: Any) -> Any:
    """A msgspec struct or a dataclass: its fields are the keys that may stand here."""
    if not isinstance(place.node, yaml.MappingNode):
        return reader.wrong(place, f"expected a mapping, got {_shape(place.node)}")
    fields = {known.encode_name: known for known in kind.fields}
    values = {}
    for key, key_node, value in pairs(reader, place):
        if key in fields:
            values[fields[key].name] = reader.typed(place.at(key, value), fields[key].type)
        else:
            where = place.at(key, key_node) if is_name(key) else Place(key_node, place.path)
            reader.wrong(where, f"unknown key{suggestion(key, list(fields))}")
    for name, known in fields.items():
        if known.required and known.name not in values:
            values[known.name] = reader.wrong(place.at(name, place.node), "is missing")
    if any(value is WRONG for value in values.values()):
        values = {name: value for name, value in values.items() if value is not WRONG}
        if any(known.required and known.name not in values for known in fields.values()):
            return WRONG
    return _built(reader, place, kind, values)


def _built(reader: Reader, place: Place, kind: Any, values: dict[str, Any]) -> Any:
    try:
        return kind.cls(**values)
    except ValueError as error:  # raised by __post_init__, of a user's own middleware too, which may quote its options
        private = Redactor([*reader.secrets, *(value for _, value in reader.substituted)])
        return reader.wrong(place, private.text(str(error)))


def _union(reader: Reader, place: Place, kind: inspect.UnionType) -> Any:
    """The first member that reads without a mistake; else the mistakes of the last one of the node's shape."""
    if _is_null(place.node) and any(isinstance(member, inspect.NoneType) for member in kind.types):
        return None
    members = [member for member in kind.types if _fits(place.node, member)]
    if not members:
        expected = " or ".join(_wanted(member) for member in kind.types if not isinstance(member, inspect.NoneType))
        return reader.wrong(place, f"expected {expected}, got {_shape(place.node)}")
    value, before = WRONG, len(reader.document.problems)
    for member in members:
        del reader.document.problems[before:]
        value = reader.typed(place, member)
        if len(reader.document.problems) == before:
            break
    return value


def _fits(node: yaml.Node, kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.StructType | inspect.DataclassType | inspect.DictType):
        return isinstance(node, yaml.MappingNode)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return isinstance(node, yaml.SequenceNode)
    return isinstance(node, yaml.ScalarNode) and not isinstance(kind, inspect.NoneType)


def _wanted(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.CustomType):
        return str(kind.cls.expected)  # type: ignore[attr-defined]
    words = {inspect.StrType: "text", inspect.ListType: "a list", inspect.VarTupleType: "a list",
             inspect.FloatType: "a number", inspect.IntType: "a whole number"}  # fmt: skip
    return words.get(type(kind), "a mapping")


_READERS: dict[type, Callable[[Reader, Place, Any], Any]] = {
    inspect.AnyType: lambda reader, place, kind: place.node,
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
