"""What the nodes of the file and the types of its values are called in errors, and which of them fit together."""

from __future__ import annotations

import yaml
from msgspec import inspect

from proxy.config.document import quote_if_safe

_NULLS = ("", "~", "null")


def describe_shape(node: yaml.Node) -> str:
    """Return what a node is: `a mapping`, `a list`, `nothing`, or its text if that cannot be a secret."""
    if is_null(node):
        return "nothing"
    if isinstance(node, yaml.ScalarNode):
        return quote_if_safe(node.value)
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def is_null(node: yaml.Node) -> bool:
    """Return whether there is no value, or a plain `null` or `~`."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


def has_shape_of(node: yaml.Node, kind: inspect.Type) -> bool:
    """Return whether a node is a mapping, list or scalar as values of the type are."""
    if isinstance(kind, inspect.StructType | inspect.DataclassType | inspect.DictType):
        return isinstance(node, yaml.MappingNode)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return isinstance(node, yaml.SequenceNode)
    return isinstance(node, yaml.ScalarNode) and not isinstance(kind, inspect.NoneType)


def describe_type(kind: inspect.Type) -> str:
    """Return what a value of the type is."""
    if isinstance(kind, inspect.CustomType):
        return str(kind.cls.expected)  # type: ignore[attr-defined]
    words = {inspect.StrType: "text", inspect.ListType: "a list", inspect.VarTupleType: "a list",
             inspect.FloatType: "a number", inspect.IntType: "a whole number"}  # fmt: skip
    return words.get(type(kind), "a mapping")
