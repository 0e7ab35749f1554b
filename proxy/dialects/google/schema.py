"""A tool's parameters: JSON Schema as it is where Gemini reads that, else rewritten to the subset it once read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.content import invalid

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
_DEEPEST = 32
_MOST = 2000


def parameters(schema: Any, subset: bool, where: str) -> dict[str, Any]:
    """The members of a function declaration that say its parameters; none for a tool that has none, as Gemini wants."""
    if schema is not None and not isinstance(schema, dict):
        raise invalid(where, "must be a JSON Schema")
    if not schema or not any(schema.get(key) for key in _SAYING):
        return {}
    return {"parameters": Subset(schema, where).of(schema)} if subset else {"parametersJsonSchema": schema}


class Subset:
    """Rewrites one schema; raises InvalidRequest where its references never end or grow without measure."""

    def __init__(self, root: Mapping[str, Any], where: str) -> None:
        self._root = root
        self._where = where
        self._written = 0

    def of(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """The schema without references, unions of types, and what OpenAPI's subset has no word for."""
        self._written += 1
        if depth > _DEEPEST or self._written > _MOST:
            raise invalid(self._where, "refers to itself, or is too deep or too large, for this model")
        if isinstance(schema, bool):
            return {}
        self._check(schema)
        if "$ref" in schema:
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            return self.of({**self._target(schema["$ref"]), **siblings}, depth + 1)
        if "allOf" in schema:
            return self.of(self._merged(schema), depth + 1)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._any_of(options, depth)
        return self._plain(schema, depth)

    def _check(self, schema: Any) -> None:
        if not isinstance(schema, dict):
            raise invalid(self._where, "holds what is no JSON Schema")
        for key, kind in _SHAPES.items():
            if key in schema and not isinstance(schema[key], kind):
                raise invalid(self._where, f"`{key}` in it is not what JSON Schema says")

    def _target(self, reference: Any) -> Mapping[str, Any]:
        found: Any = self._root
        for step in str(reference).removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict) or not str(reference).startswith("#"):
            raise invalid(self._where, f"{reference!r} leads nowhere in it")
        return found

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for piece in [*schema["allOf"], {key: value for key, value in schema.items() if key != "allOf"}]:
            self._check(piece)
            piece = {**self._target(piece["$ref"]), **piece} if "$ref" in piece else dict(piece)
            piece.pop("$ref", None)
            properties = {**whole.get("properties", {}), **piece.get("properties", {})}
            required = [*whole.get("required", []), *piece.get("required", [])]
            whole |= (
                piece
                | ({"properties": properties} if properties else {})
                | ({"required": required} if required else {})
            )
        return whole

    def _any_of(self, options: list[Any], depth: int) -> dict[str, Any]:
        """`anyOf` may have no neighbours; null is no type of its own, so it becomes `nullable`."""
        real = [option for option in options if option != {"type": "null"}]
        null = {"nullable": True} if len(real) < len(options) else {}
        written = [self.of(option, depth + 1) | null for option in real]
        return written[0] if len(written) == 1 else {"anyOf": written}

    def _plain(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        types = schema.get("type")
        if isinstance(types, list):
            return self._any_of(
                [{**schema, "type": one} if one != "null" else {"type": "null"} for one in types], depth
            )
        kept = {key: schema[key] for key in _KEPT if key in schema}
        if "const" in schema:
            kept["enum"] = [schema["const"]]
        kind = types or ("object" if "properties" in schema else "array" if "items" in schema else "string")
        return {"type": kind} | _values(kept, kind) | self._children(schema, kind, depth)

    def _children(self, schema: Mapping[str, Any], kind: str, depth: int) -> dict[str, Any]:
        if kind == "array":
            return {"items": self.of(schema.get("items") or {"type": "string"}, depth + 1)}
        properties = schema.get("properties") or {}
        return (
            {"properties": {name: self.of(value, depth + 1) for name, value in properties.items()}}
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
