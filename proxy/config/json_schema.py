"""Generates the JSON Schema of routing.yaml from its types, for editors. It accepts what `typed_loader` accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import NODEFAULT, inspect

from proxy.config.field_docs import field_docs

VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""Any scalar may be a `${NAME}`."""

Schema = dict[str, Any]


def json_schema(kind: Any) -> Schema:
    """Return the schema of a type. A variable is allowed wherever a scalar is."""
    return _schema(inspect.type_info(kind))


def _schema(kind: inspect.Type) -> Schema:
    if isinstance(kind, inspect.Metadata):
        return {**_schema(kind.type), **(kind.extra_json_schema or {})}
    return _SCHEMAS[type(kind)](kind)


def words(*values: Any) -> Schema:
    """Return the schema of one of these words. YAML 1.1 reads `off` as false, and so do some editors."""
    return {"enum": [*values, *([False] if "off" in values else [])]}


def _scalar(name: str) -> Callable[[Any], Schema]:
    def schema(kind: Any) -> Schema:
        bounds = {"minimum": kind.ge, "exclusiveMinimum": kind.gt, "maximum": kind.le, "exclusiveMaximum": kind.lt}
        shape = {"type": name, **{name: bound for name, bound in bounds.items() if bound is not None}}
        return {"anyOf": [shape, VARIABLE]}

    return schema


def _string(kind: inspect.StrType) -> Schema:
    return (
        {"type": "string"}
        if kind.pattern is None
        else {"anyOf": [{"type": "string", "pattern": kind.pattern}, VARIABLE]}
    )


def _custom(kind: inspect.CustomType) -> Schema:
    shape: Schema = kind.cls.schema  # type: ignore[attr-defined]
    return {"anyOf": [shape, VARIABLE], "description": kind.cls.expected}  # type: ignore[attr-defined]


def _tuple(kind: inspect.VarTupleType) -> Schema:
    bound = {"minItems": kind.min_length} if kind.min_length else {}
    return {"type": "array", "items": _schema(kind.item_type), **bound}


def _object(kind: Any) -> Schema:
    """Return an object schema with the type's fields. The description is the first line of its docstring."""
    docs = field_docs(kind.cls)
    properties = {
        field.encode_name: _described(docs.get(field.name), {**_schema(field.type), **_default(field)})
        for field in kind.fields
    }
    required = [field.encode_name for field in kind.fields if field.required]
    description = (kind.cls.__doc__ or "").partition("\n")[0]
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _described(text: str | None, schema: Schema) -> Schema:
    """Return a schema with the text below its field in front of what it says of the value."""
    if text is None:
        return schema
    written = f" Written as {schema['description']}." if "anyOf" in schema and "description" in schema else ""
    return {**schema, "description": text + written}


def _table(kind: inspect.DictType) -> Schema:
    """Return the schema of a mapping whose keys the file chooses. They are never variables."""
    names = _key(kind.key_type)
    return {
        "type": "object",
        "additionalProperties": _schema(kind.value_type),
        **({"propertyNames": names} if names else {}),
    }


def _key(kind: inspect.Type) -> Schema:
    if isinstance(kind, inspect.CustomType):
        shape: Schema = kind.cls.schema  # type: ignore[attr-defined]
        return shape
    pattern = getattr(kind, "pattern", None)
    return {"pattern": pattern} if pattern else {}


def _default(field: inspect.Field) -> Schema:
    """Return the default as the file writes it, if it is one scalar."""
    written = getattr(field.default, "written", field.default)
    is_plain = written is not NODEFAULT and type(written) in (bool, int, float, str)
    return {"default": written} if is_plain else {}


_SCHEMAS: dict[type, Callable[[Any], Schema]] = {
    inspect.AnyType: lambda kind: {},
    inspect.StrType: _string,
    inspect.BoolType: lambda kind: {"anyOf": [{"type": "boolean"}, VARIABLE]},
    inspect.IntType: _scalar("integer"),
    inspect.FloatType: _scalar("number"),
    inspect.NoneType: lambda kind: {"type": "null"},
    inspect.LiteralType: lambda kind: {"anyOf": [words(*kind.values), VARIABLE]},
    inspect.CustomType: _custom,
    inspect.ListType: lambda kind: {"type": "array", "items": _schema(kind.item_type)},
    inspect.VarTupleType: _tuple,
    inspect.DictType: _table,
    inspect.StructType: _object,
    inspect.DataclassType: _object,
    inspect.UnionType: lambda kind: {"anyOf": [_schema(member) for member in kind.types]},
}
