"""Translates the parameters of a tool: unchanged JSON Schema for newer models, a rewritten subset for Gemini 1.

The subset is OpenAPI's: no references, no unions of types, few formats. References are expanded, so the size of all
schemas of a request is limited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.errors import InvalidRequestError

_KEPT_KEYWORDS = (
    "title", "description", "default", "example", "format", "pattern", "nullable", "required", "enum",
    "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
)  # fmt: skip
_FORMATS = {
    "string": ("date-time", "enum"),
    "integer": ("int32", "int64"),
    "number": ("float", "double"),
}
_STRUCTURE_KEYWORDS = ("properties", "patternProperties", "additionalProperties", "$ref", "allOf", "anyOf", "oneOf")
_KEYWORD_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "type": (str, list),
    "properties": dict,
    **dict.fromkeys(("required", "enum", "allOf", "anyOf", "oneOf"), list),
}
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_MAX_DEPTH = 32
_MAX_SCHEMAS = 2000
_BYTES_PER_SCHEMA = 16
"""Counted for each schema in addition to its content."""


@dataclass(slots=True)
class SizeBudget:
    """Limits the total size of one request's schemas after references are expanded."""

    remaining_bytes: int

    @classmethod
    def for_schemas(cls, size_bytes: int) -> SizeBudget:
        """Return a budget that fits schemas of this size without references, plus 256 KiB."""
        return cls(2**18 + 4 * size_bytes)


def parameters(schema: Any, where: str, budget: SizeBudget | None = None) -> dict[str, Any]:
    """Return the member of a function declaration for its parameters, or {} if it has none, as Gemini requires.

    With a `budget` they are rewritten to the subset, without one they stay JSON Schema. Raises InvalidRequestError.
    """
    if schema is not None and not isinstance(schema, dict):
        raise invalid_param(where, "must be a JSON Schema")
    if not schema or not any(schema.get(key) for key in _STRUCTURE_KEYWORDS):
        return {}
    return (
        {"parametersJsonSchema": schema}
        if budget is None
        else {"parameters": SubsetRewriter(schema, where, budget).rewrite(schema)}
    )


class SubsetRewriter:
    """Rewrites one schema to the subset. Raises InvalidRequestError if it is recursive or exceeds the budget."""

    def __init__(self, root: Mapping[str, Any], where: str, budget: SizeBudget) -> None:
        self._root = root
        self._where = where
        self._budget = budget
        self._schema_count = 0

    def rewrite(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return the schema without references, unions of types and unsupported keywords."""
        self._schema_count += 1
        if depth > _MAX_DEPTH or self._schema_count > _MAX_SCHEMAS:
            raise self._too_large()
        if isinstance(schema, bool):
            return {}
        self._check(schema)
        self._charge(_BYTES_PER_SCHEMA + len(schema))
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
            raise invalid_param(self._where, "contains an invalid JSON Schema")
        for key, kind in _KEYWORD_TYPES.items():
            if key in schema and not isinstance(schema[key], kind):
                raise invalid_param(self._where, f"`{key}` in it is not valid JSON Schema")

    def _charge(self, size: int) -> None:
        self._budget.remaining_bytes -= size
        if self._budget.remaining_bytes < 0:
            raise self._too_large()

    def _too_large(self) -> InvalidRequestError:
        return invalid_param(self._where, "refers to itself, or is too deep or too large, for this model")

    def _target(self, reference: Any) -> Mapping[str, Any]:
        pointer = str(reference)
        self._charge(len(pointer))
        found: Any = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            if not isinstance(found, dict):
                break
            found = found.get(step.replace("~1", "/").replace("~0", "~"))
        if not isinstance(found, dict) or not pointer.startswith("#"):
            raise invalid_param(self._where, f"{reference!r} does not exist in it")
        self._charge(len(found))
        return found

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        required: list[Any] = []
        for branch in [*schema["allOf"], {key: value for key, value in schema.items() if key != "allOf"}]:
            self._check(branch)
            if "$ref" in branch:
                branch = {**self._target(branch["$ref"]), **branch}
                self._check(branch)
            merged |= branch
            properties |= branch.get("properties", {})
            required += branch.get("required", [])
            self._charge(len(branch) + len(branch.get("properties", ())) + len(branch.get("required", ())))
        merged.pop("$ref", None)
        return (
            merged | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})
        )

    def _any_of(self, options: list[Any], depth: int) -> dict[str, Any]:
        """Rewrite alternatives: `anyOf` may have no siblings, and the type null becomes `nullable`."""
        real = [option for option in options if option != {"type": "null"}]
        null = {"nullable": True} if len(real) < len(options) else {}
        written = [self.rewrite(option, depth + 1) | null for option in real]
        return written[0] if len(written) == 1 else {"anyOf": written}

    def _plain(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        types = schema.get("type")
        if isinstance(types, list):
            if len(types) > len(_TYPES) or any(single_type not in _TYPES for single_type in types):
                raise invalid_param(self._where, "`type` in it is not valid JSON Schema")
            return self._any_of(
                [
                    {**schema, "type": single_type} if single_type != "null" else {"type": "null"}
                    for single_type in types
                ],
                depth,
            )
        kept = {key: schema[key] for key in _KEPT_KEYWORDS if key in schema}
        if "const" in schema:
            kept["enum"] = [schema["const"]]
        self._charge(len(serialize_request(kept)))
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
    """Drop what the subset does not allow: `enum` other than non-empty strings, and most values of `format`."""
    if "format" in kept and kept["format"] not in _FORMATS.get(kind, ()):
        del kept["format"]
    if "enum" in kept:
        choices = [choice for choice in kept.pop("enum") if isinstance(choice, str) and choice]
        kept |= {"enum": choices} if choices and kind == "string" else {}
    return kept
