"""A tool's parameters: JSON Schema as it is where Gemini reads that, else rewritten to the subset it once read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.errors import InvalidRequestError

_KEPT = (
    "title", "description", "default", "example", "format", "pattern", "nullable", "required", "enum",
    "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
)  # fmt: skip
_FORMATS = {
    "string": ("date-time", "enum"),
    "integer": ("int32", "int64"),
    "number": ("float", "double"),
}
_SAYING = ("properties", "patternProperties", "additionalProperties", "$ref", "allOf", "anyOf", "oneOf")
_SHAPES: Mapping[str, type | tuple[type, ...]] = {
    "type": (str, list),
    "properties": dict,
    **dict.fromkeys(("required", "enum", "allOf", "anyOf", "oneOf"), list),
}
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_DEEPEST = 32
_MOST = 2000
_EACH = 16
"""Bytes that a schema counts in addition to its content."""


@dataclass(slots=True)
class SizeBudget:
    """Bytes left for the schemas of one request, with their references written out."""

    remaining_bytes: int

    @classmethod
    def for_schemas(cls, size_bytes: int) -> SizeBudget:
        """Return the room for schemas of that size: enough without references, and 256 KiB more."""
        return cls(2**18 + 4 * size_bytes)


def parameters(schema: Any, where: str, budget: SizeBudget | None = None) -> dict[str, Any]:
    """The members of a function declaration that hold its parameters; none for a tool that has none, as Gemini wants.

    With `budget` they are rewritten to the subset, without they stay JSON Schema."""
    if schema is not None and not isinstance(schema, dict):
        raise invalid_param(where, "must be a JSON Schema")
    if not schema or not any(schema.get(key) for key in _SAYING):
        return {}
    return (
        {"parametersJsonSchema": schema}
        if budget is None
        else {"parameters": SubsetRewriter(schema, where, budget).rewrite(schema)}
    )


class SubsetRewriter:
    """Rewrites one schema; raises InvalidRequestError where its references never end or take more room than there is."""

    def __init__(self, root: Mapping[str, Any], where: str, room: SizeBudget) -> None:
        self._root = root
        self._where = where
        self._room = room
        self._written = 0

    def rewrite(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """The schema without references, unions of types, and what OpenAPI's subset has no word for."""
        self._written += 1
        if depth > _DEEPEST or self._written > _MOST:
            raise self._too_large()
        if isinstance(schema, bool):
            return {}
        self._check(schema)
        self._take(_EACH + len(schema))
        if "$ref" in schema:
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            return self.rewrite({**self._target(schema["$ref"]), **siblings}, depth + 1)
        if "allOf" in schema:
            return self.rewrite(self._merged(schema), depth + 1)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._any_of(options, depth)
        return self._plain(schema, depth)

    def _check(self, schema: Any) -> None:
        if not isinstance(schema, dict):
            raise invalid_param(self._where, "holds what is no JSON Schema")
        for key, kind in _SHAPES.items():
            if key in schema and not isinstance(schema[key], kind):
                raise invalid_param(self._where, f"`{key}` in it is not what JSON Schema says")

    def _take(self, size: int) -> None:
        self._room.remaining_bytes -= size
        if self._room.remaining_bytes < 0:
            raise self._too_large()

    def _too_large(self) -> InvalidRequestError:
        return invalid_param(self._where, "refers to itself, or is too deep or too large, for this model")

    def _target(self, reference: Any) -> Mapping[str, Any]:
        pointer = str(reference)
        self._take(len(pointer))
        found: Any = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict) or not pointer.startswith("#"):
            raise invalid_param(self._where, f"{reference!r} leads nowhere in it")
        self._take(len(found))
        return found

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        required: list[Any] = []
        for piece in [*schema["allOf"], {key: value for key, value in schema.items() if key != "allOf"}]:
            self._check(piece)
            if "$ref" in piece:
                piece = {**self._target(piece["$ref"]), **piece}
                self._check(piece)
            whole |= piece
            properties |= piece.get("properties", {})
            required += piece.get("required", [])
            self._take(len(piece) + len(piece.get("properties", ())) + len(piece.get("required", ())))
        whole.pop("$ref", None)
        return whole | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})

    def _any_of(self, options: list[Any], depth: int) -> dict[str, Any]:
        """`anyOf` may have no neighbours; null is no type of its own, so it becomes `nullable`."""
        real = [option for option in options if option != {"type": "null"}]
        null = {"nullable": True} if len(real) < len(options) else {}
        written = [self.rewrite(option, depth + 1) | null for option in real]
        return written[0] if len(written) == 1 else {"anyOf": written}

    def _plain(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        types = schema.get("type")
        if isinstance(types, list):
            if len(types) > len(_TYPES) or any(one not in _TYPES for one in types):
                raise invalid_param(self._where, "`type` in it is not what JSON Schema says")
            return self._any_of(
                [{**schema, "type": one} if one != "null" else {"type": "null"} for one in types], depth
            )
        kept = {key: schema[key] for key in _KEPT if key in schema}
        if "const" in schema:
            kept["enum"] = [schema["const"]]
        self._take(len(serialize_request(kept)))
        kind = types or ("object" if "properties" in schema else "array" if "items" in schema else "string")
        return {"type": kind} | _values(kept, kind) | self._children(schema, kind, depth)

    def _children(self, schema: Mapping[str, Any], kind: str, depth: int) -> dict[str, Any]:
        if kind == "array":
            return {"items": self.rewrite(schema.get("items") or {"type": "string"}, depth + 1)}
        properties = schema.get("properties") or {}
        return (
            {"properties": {name: self.rewrite(value, depth + 1) for name, value in properties.items()}}
            if properties
            else {}
        )


def _values(kept: dict[str, Any], kind: str) -> dict[str, Any]:
    """`enum` is for strings that are not empty; `format` for a few words."""
    if "format" in kept and kept["format"] not in _FORMATS.get(kind, ()):
        del kept["format"]
    if "enum" in kept:
        choices = [choice for choice in kept.pop("enum") if isinstance(choice, str) and choice]
        kept |= {"enum": choices} if choices and kind == "string" else {}
    return kept
