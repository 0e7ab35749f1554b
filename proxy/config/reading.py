"""Nodes become typed values, driven by the types themselves; every mistake is noted and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from msgspec import inspect

from proxy.config.document import Document, suggestion
from proxy.config.quantities import Secret

WRONG: Any = object()
"""Stands for a value that could not be read; a problem has been noted."""

_VARIABLE = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?)\}")
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NULLS = ("", "~", "null")


class Unset(Exception):
    """A variable has no value."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one document; `environ` and `read_file` are where `${NAME}` and `${file:PATH}` come from."""

    document: Document
    environ: Mapping[str, str]
    read_file: Callable[[str], str]

    def read(self, node: yaml.Node, kind: Any, path: str) -> Any:
        """The value of `node` as a `kind` (any type msgspec knows), or WRONG."""
        return self.typed(node, inspect.type_info(kind), path)

    def typed(self, node: yaml.Node, kind: inspect.Type, path: str) -> Any:
        """As `read`, for a type already inspected."""
        self.document.marks[path] = node.start_mark
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        return _READERS[type(kind)](self, node, kind, path)

    def wrong(self, node: yaml.Node, path: str, message: str) -> Any:
        """Note a problem."""
        self.document.complain(path, message, node)
        return WRONG

    def text(self, node: yaml.Node, path: str, expected: str) -> Any:
        """A scalar's text, its variables replaced; WRONG for anything else. Raises Unset."""
        if not isinstance(node, yaml.ScalarNode):
            return self.wrong(node, path, f"expected {expected}, got {_shape(node)}")
        if _is_null(node):
            return self.wrong(node, path, f"expected {expected}, got nothing")
        try:
            return _VARIABLE.sub(self._variable, node.value)
        except OSError as error:
            return self.wrong(node, path, f"cannot read {error.filename}: {error.strerror}")

    def _variable(self, match: re.Match[str]) -> str:
        if match["file"]:
            return self.read_file(match["file"]).removesuffix("\n").removesuffix("\r")
        value = self.environ.get(match["name"]) or match["default"]
        if value is None:
            raise Unset(match["name"])
        return value


def _shape(node: yaml.Node) -> str:
    return {"mapping": "a mapping", "sequence": "a list"}.get(str(node.id), f"'{str(node.value)[:40]}'")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NULLS


def _scalar(expected: str, parse: Callable[[str], Any]) -> Callable[[Reader, yaml.Node, Any, str], Any]:
    """A reader of scalars whose text `parse` turns into a value, or refuses with ValueError."""

    def read(reader: Reader, node: yaml.Node, kind: Any, path: str) -> Any:
        try:
            text = reader.text(node, path, expected)
        except Unset as unset:
            return reader.wrong(node, path, f"variable {unset} is not set; set it, or write ${{{unset}:-default}}")
        try:
            return text if text is WRONG else _bounded(reader, node, kind, path, parse(text))
        except ValueError:
            return reader.wrong(node, path, f"expected {expected}, got '{text[:40]}'")

    return read


def _bounded(reader: Reader, node: yaml.Node, kind: Any, path: str, value: Any) -> Any:
    limits = ((kind.ge, "at least", lambda a, b: a >= b), (kind.gt, "more than", lambda a, b: a > b),
              (kind.le, "at most", lambda a, b: a <= b)) if hasattr(kind, "ge") else ()  # fmt: skip
    for bound, words, holds in limits:
        if bound is not None and not holds(value, bound):
            return reader.wrong(node, path, f"must be {words} {bound}, got {value}")
    if getattr(kind, "pattern", None) and not re.search(kind.pattern, value):
        return reader.wrong(node, path, f"'{value[:40]}' does not match {kind.pattern}")
    return value


def _boolean(text: str) -> bool:
    # YAML 1.1 would also take yes, no, on and off, and so Norway's code for a refusal.
    return text == "true" if text in ("true", "false") else _refuse(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _integer(text: str) -> int:
    return int(text) if _INTEGER.fullmatch(text) else _refuse(text)


def _number(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else _refuse(text)


def _none(reader: Reader, node: yaml.Node, kind: inspect.NoneType, path: str) -> Any:
    return None if _is_null(node) else reader.wrong(node, path, f"expected nothing, got {_shape(node)}")


def _literal(reader: Reader, node: yaml.Node, kind: inspect.LiteralType, path: str) -> Any:
    words = [str(value) for value in kind.values]
    text = reader.text(node, path, " or ".join(words))
    if text is WRONG or text in words:
        return text
    return reader.wrong(node, path, f"'{text[:40]}' is not one of {', '.join(words)}")


def _custom(reader: Reader, node: yaml.Node, kind: inspect.CustomType, path: str) -> Any:
    read = _scalar(kind.cls.expected, kind.cls.parse)  # type: ignore[attr-defined]
    if kind.cls is not Secret:
        return read(reader, node, kind, path)
    try:
        text = reader.text(node, path, Secret.expected)
        return text if text is WRONG else Secret.parse(text)
    except Unset as unset:
        return Secret("", missing=str(unset))
    except ValueError:
        return reader.wrong(node, path, "the secret is empty, or has a space, a line break or a character beyond ASCII")


def _list(reader: Reader, node: yaml.Node, kind: Any, path: str) -> Any:
    if not isinstance(node, yaml.SequenceNode):
        return reader.wrong(node, path, f"expected a list, got {_shape(node)}")
    items = [reader.typed(item, kind.item_type, f"{path}[{index}]") for index, item in enumerate(node.value)]
    return tuple(items) if isinstance(kind, inspect.VarTupleType) else items


def pairs(reader: Reader, node: yaml.Node, path: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Key, key's node and value's node of a mapping; duplicates and keys that are no text are noted."""
    if not isinstance(node, yaml.MappingNode):
        reader.wrong(node, path, f"expected a mapping, got {_shape(node)}")
        return []
    found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            reader.wrong(key, path, "a key must be text")
        elif key.value in found:
            first = found[key.value][1].start_mark.line + 1
            reader.wrong(key, _join(path, key.value), f"duplicate key; it stands on line {first} already")
        else:
            found[key.value] = (key.value, key, value)
    return list(found.values())


def _dict(reader: Reader, node: yaml.Node, kind: inspect.DictType, path: str) -> Any:
    return {key: reader.typed(value, kind.value_type, _join(path, key)) for key, _, value in pairs(reader, node, path)}


def _record(reader: Reader, node: yaml.Node, kind: Any, path: str) -> Any:
    """A msgspec struct or a dataclass: its fields are the keys that may stand here."""
    if not isinstance(node, yaml.MappingNode):
        return reader.wrong(node, path, f"expected a mapping, got {_shape(node)}")
    fields = {field.encode_name: field for field in kind.fields}
    values = {}
    for key, key_node, value in pairs(reader, node, path):
        if key in fields:
            values[fields[key].name] = reader.typed(value, fields[key].type, _join(path, key))
        else:
            reader.wrong(key_node, _join(path, key), f"unknown key{suggestion(key, list(fields))}")
    for name, field in fields.items():
        if field.required and field.name not in values:
            values[field.name] = reader.wrong(node, _join(path, name), "is missing")
    if any(value is WRONG for value in values.values()):
        values = {name: value for name, value in values.items() if value is not WRONG}
        if any(field.required and field.name not in values for field in fields.values()):
            return WRONG
    return _built(reader, node, kind, path, values)


def _built(reader: Reader, node: yaml.Node, kind: Any, path: str, values: dict[str, Any]) -> Any:
    try:
        return kind.cls(**values)
    except ValueError as error:  # what a __post_init__ has to say of fields that do not fit together
        return reader.wrong(node, path, str(error))


def _union(reader: Reader, node: yaml.Node, kind: inspect.UnionType, path: str) -> Any:
    """The first member that reads without a mistake; else the mistakes of the last one of the node's shape."""
    if _is_null(node) and any(isinstance(member, inspect.NoneType) for member in kind.types):
        return None
    members = [member for member in kind.types if _fits(node, member)]
    if not members:
        expected = " or ".join(_wanted(member) for member in kind.types if not isinstance(member, inspect.NoneType))
        return reader.wrong(node, path, f"expected {expected}, got {_shape(node)}")
    value, before = WRONG, len(reader.document.problems)
    for member in members:
        del reader.document.problems[before:]
        value = reader.typed(node, member, path)
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


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


_READERS: dict[type, Callable[[Reader, yaml.Node, Any, str], Any]] = {
    inspect.AnyType: lambda reader, node, kind, path: node,
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
