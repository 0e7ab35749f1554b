"""Loads YAML nodes as typed values: structs, dataclasses, scalars, lists, unions.

An error is added to the document with its place, `INVALID` stands for the value, and loading continues, so that all
errors of a file are reported at once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from msgspec import inspect

from proxy.config.document import Document, is_key_name, suggestion
from proxy.config.shapes import describe_shape, describe_type, has_shape_of, is_null
from proxy.config.texts import is_unicode, matches
from proxy.config.units import Secret, parse_boolean, parse_integer, parse_number
from proxy.config.variables import UnreadableFileError, UnsetVariableError, expand
from proxy.redaction import Redactor

INVALID: Any = object()
"""Stands for an invalid value whose problem has been reported."""


@dataclass(frozen=True, slots=True)
class Location:
    """A node of the file and its path, such as `providers.openai.weight`."""

    node: yaml.Node = field(repr=False)
    path: str

    def child(self, key: str, node: yaml.Node) -> Location:
        """Return the location of the value of a key."""
        return Location(node, f"{self.path}.{key}" if self.path else key)


@dataclass(frozen=True, slots=True)
class TypedLoader:
    """Loads one document. `environ` and `read_file` provide the values of `${NAME}` and `${file:PATH}`."""

    document: Document
    environ: Mapping[str, str] = field(repr=False)
    read_file: Callable[[str], str]
    secrets: list[str] = field(default_factory=list, repr=False)
    """The values of all options of type Secret."""
    substituted_values: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """Path and value of each variable that was replaced."""
    expands: bool = True
    """Whether `${NAME}` is a variable. Otherwise it is text as any other."""

    def load(self, location: Location, kind: Any) -> Any:
        """Return the value as `kind`, any type msgspec knows, or INVALID."""
        return self.load_type(location, inspect.type_info(kind))

    def load_type(self, location: Location, kind: inspect.Type) -> Any:
        """Do the same as `load` for a type already inspected."""
        self.document.marks[location.path] = location.node.start_mark
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind
        load = getattr(getattr(kind, "cls", None), "load_node", None) or _LOADERS.get(type(kind))
        if load is None or (load is _custom and not hasattr(kind.cls, "parse")):  # type: ignore[attr-defined]
            return self.reject(location, "options of this type cannot be read from a file")
        return load(self, location, kind)

    def reject(self, location: Location, message: str) -> Any:
        """Add a problem and return INVALID."""
        self.document.add_error(location.path, message, location.node)
        return INVALID

    def reject_type(self, location: Location, expected: str) -> Any:
        """Report that another type was expected and return INVALID."""
        return self.reject(location, f"expected {expected}, got {describe_shape(location.node)}")

    def scalar_text(self, location: Location, expected: str) -> Any:
        """Return a scalar's text with its variables replaced, or INVALID.

        Raises UnsetVariableError and UnreadableFileError.
        """
        node = location.node
        if not isinstance(node, yaml.ScalarNode):
            return self.reject_type(location, expected)
        if is_null(node):
            return self.reject(location, f"expected {expected}, got nothing")
        if not self.expands:
            return node.value
        text, values = expand(node.value, self.environ, self.read_file)
        self.substituted_values.extend((location.path, value) for value in values)
        return text if is_unicode(text) else self.reject(location, f"expected {expected}, got bytes that are not UTF-8")


def _scalar(expected: str, parse: Callable[[str], Any]) -> Callable[[TypedLoader, Location, Any], Any]:
    """Return a loader of scalars. `parse` turns the text into a value or raises ValueError."""

    def load(loader: TypedLoader, location: Location, kind: Any) -> Any:
        try:
            text = loader.scalar_text(location, expected)
            return text if text is INVALID else _check_bounds(loader, location, kind, parse(text))
        except UnreadableFileError as unreadable:
            return loader.reject(location, str(unreadable))
        except UnsetVariableError as unset:
            return loader.reject(location, f"variable {unset} is not set; set it, or write ${{{unset}:-default}}")
        except (ValueError, OverflowError):
            return loader.reject_type(location, expected)

    return load


_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("ge", "at least", operator.ge),
    ("gt", "more than", operator.gt),
    ("le", "at most", operator.le),
    ("lt", "less than", operator.lt),
)


def _check_bounds(loader: TypedLoader, location: Location, kind: Any, value: Any) -> Any:
    """Return the value if it is within the bounds of its type."""
    for name, words, holds in _BOUNDS:
        bound = getattr(kind, name, None)
        if bound is not None and not holds(value, bound):
            return loader.reject(location, f"must be {words} {bound}, got {describe_shape(location.node)}")
    if getattr(kind, "pattern", None) and not matches(kind.pattern, value):
        return loader.reject(location, f"does not match {kind.pattern}")
    return value


def _none(loader: TypedLoader, location: Location, kind: inspect.NoneType) -> Any:
    return None if is_null(location.node) else loader.reject_type(location, "nothing")


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
    return loader.reject_type(location, " or ".join(words))


def _custom(loader: TypedLoader, location: Location, kind: inspect.CustomType) -> Any:
    load = _scalar(kind.cls.expected, kind.cls.parse)  # type: ignore[attr-defined]
    if kind.cls is not Secret:
        return load(loader, location, kind)
    try:
        text = loader.scalar_text(location, Secret.expected)
        loader.secrets.extend([] if text is INVALID else [text.strip()])
        return text if text is INVALID else _secret(text.strip(), location)
    except UnreadableFileError as unreadable:
        return loader.reject(location, str(unreadable)) if unreadable.is_local else Secret("", missing=str(unreadable))
    except UnsetVariableError as unset:
        return Secret("", missing=f"{unset} is not set")
    except ValueError:
        return loader.reject(location, "the secret contains a space, a line break or a non-ASCII character")


def _secret(text: str, location: Location) -> Secret:
    if text:
        return Secret.parse(text)
    source = location.node.value.strip()  # nothing but variables, or empty
    return Secret("", missing=f"{source or 'the key'} is empty")


def _list(loader: TypedLoader, location: Location, kind: Any) -> Any:
    if not isinstance(location.node, yaml.SequenceNode):
        return loader.reject_type(location, "a list")
    items = [
        loader.load_type(Location(item, f"{location.path}[{index}]"), kind.item_type)
        for index, item in enumerate(location.node.value)
    ]
    return tuple(items) if isinstance(kind, inspect.VarTupleType) else items


def mapping_items(loader: TypedLoader, location: Location) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Return key, node of the key and node of the value for each item. Rejects duplicates and keys that are not text."""
    if not isinstance(location.node, yaml.MappingNode):
        loader.reject_type(location, "a mapping")
        return []
    found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
    for key, value in location.node.value:
        if not isinstance(key, yaml.ScalarNode):
            loader.reject(Location(key, location.path), "a key must be text")
        elif key.value in found:
            first = found[key.value][1].start_mark.line + 1
            loader.reject(location.child(key.value, key), f"duplicate key, already on line {first}")
        else:
            found[key.value] = (key.value, key, value)
    return list(found.values())


def _dict(loader: TypedLoader, location: Location, kind: inspect.DictType) -> Any:
    return {
        key: loader.load_type(location.child(key, value), kind.value_type)
        for key, key_node, value in mapping_items(loader, location)
        if _is_valid_key(loader, Location(key_node, location.path), kind.key_type)
    }


def _is_valid_key(loader: TypedLoader, location: Location, kind: inspect.Type) -> bool:
    """Report a mapping's key that is not of its type, and return whether its value is used all the same.

    A name with the wrong letters is used, so that where it is referred to is no further error. A key of another type is
    not, nor shown, as it may be misplaced.
    """
    if isinstance(kind, inspect.CustomType):
        try:
            kind.cls.parse(location.node.value)  # type: ignore[attr-defined]
        except ValueError:
            loader.reject(location, f"a key here must be {kind.cls.expected}")  # type: ignore[attr-defined]
            return False
    elif getattr(kind, "pattern", None) and not matches(kind.pattern, location.node.value):  # type: ignore[attr-defined]
        name = location.child(location.node.value, location.node)
        loader.reject(name, f"a name must match {kind.pattern}")  # type: ignore[attr-defined]
    return True


def _record(loader: TypedLoader, location: Location, kind: Any) -> Any:
    """Load a msgspec struct or a dataclass, whose fields are the allowed keys."""
    if not isinstance(location.node, yaml.MappingNode):
        return loader.reject_type(location, "a mapping")
    fields = {spec.encode_name: spec for spec in kind.fields}
    values = {}
    for key, key_node, value in mapping_items(loader, location):
        if key in fields:
            values[fields[key].name] = loader.load_type(location.child(key, value), fields[key].type)
        else:
            where = location.child(key, key_node) if is_key_name(key) else Location(key_node, location.path)
            loader.reject(where, f"unknown key{suggestion(key, list(fields))}")
    for name, spec in fields.items():
        if spec.required and spec.name not in values:
            values[spec.name] = loader.reject(location.child(name, location.node), "is missing")
    if any(value is INVALID for value in values.values()):
        values = {name: value for name, value in values.items() if value is not INVALID}
        if any(spec.required and spec.name not in values for spec in fields.values()):
            return INVALID
    return _construct(loader, location, kind, values)


def _construct(loader: TypedLoader, location: Location, kind: Any, values: dict[str, Any]) -> Any:
    try:
        return kind.cls(**values)
    except Exception as error:  # noqa: BLE001 (a custom middleware's may be any, and may quote its options)
        redactor = Redactor([*loader.secrets, *(value for _, value in loader.substituted_values)])
        message = redactor.redact_text(str(error) or type(error).__name__)
        field_name, colon, reason = message.partition(": ")
        if colon and field_name in values:
            loader.document.add_error(f"{location.path}.{field_name}", reason)  # at the place of that option
            return INVALID
        return loader.reject(location, message)


def _union(loader: TypedLoader, location: Location, kind: inspect.UnionType) -> Any:
    """Load the first member without a problem. Otherwise report the problems of the last member of the node's shape."""
    if is_null(location.node) and any(isinstance(member, inspect.NoneType) for member in kind.types):
        return None
    members = [member for member in kind.types if has_shape_of(location.node, member)]
    if not members:
        expected = " or ".join(
            describe_type(member) for member in kind.types if not isinstance(member, inspect.NoneType)
        )
        return loader.reject_type(location, expected)
    value, before = INVALID, len(loader.document.problems)
    for member in members:
        del loader.document.problems[before:]
        value = loader.load_type(location, member)
        if len(loader.document.problems) == before:
            break
    return value


_LOADERS: dict[type, Callable[[TypedLoader, Location, Any], Any]] = {
    inspect.AnyType: lambda loader, location, kind: location.node,
    inspect.StrType: _scalar("text", str),
    inspect.BoolType: _scalar("true or false", parse_boolean),
    inspect.IntType: _scalar("a whole number", parse_integer),
    inspect.FloatType: _scalar("a number", parse_number),
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
