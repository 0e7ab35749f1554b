"""A value that matches a JSON Schema: the simulated model's arguments of tools, and its structured answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_SAMPLES: Mapping[str, Any] = {"boolean": True, "null": None}
_NUMBERS: Mapping[str, float] = {"integer": 1, "number": 1.5}
_FORMATS: Mapping[str, str] = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "parrot@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_MAX_DEPTH = 32
_MAX_VALUES = 2_000
_MAX_ITEMS = 8
_MAX_CHARS = 256


def sample_value(schema: Any) -> Any:
    """Return a value that matches the schema, with its required members only."""
    return _Sampler(schema).value(schema)


@dataclass(slots=True)
class _Sampler:
    """Makes the value of one schema, of a bounded size: references may repeat a schema any number of times."""

    root: Any
    """Where references point into."""
    left: int = _MAX_VALUES

    def value(self, schema: Any, depth: int = 0) -> Any:
        self.left -= 1
        if not isinstance(schema, Mapping):
            return "example"
        if self.left < 0 or depth > _MAX_DEPTH:
            return None
        for keyword, make in _KEYWORDS:
            if schema.get(keyword):
                return make(self, schema, depth + 1)
        constants = [schema[keyword] for keyword in ("const", "default") if keyword in schema]
        return constants[0] if constants else self.of_type(schema, depth)

    def of_reference(self, schema: Mapping[str, Any], depth: int) -> Any:
        return self.value(self.resolved(schema["$ref"]), depth)

    def of_branches(self, schema: Mapping[str, Any], depth: int) -> Any:
        """Make a value for all branches of `allOf` and what stands beside it."""
        own = {keyword: value for keyword, value in schema.items() if keyword != "allOf"}
        branches = [self.resolved(one["$ref"]) if "$ref" in one else one for one in schema["allOf"]]
        merged: dict[str, Any] = {}
        for branch in [*filter(None, branches), own]:
            properties = {**merged.get("properties", {}), **branch.get("properties", {})}
            required = [*merged.get("required", ()), *branch.get("required", ())]
            merged |= {**branch, **({"properties": properties, "required": required} if properties else {})}
        return self.value(merged, depth)

    def of_alternatives(self, schema: Mapping[str, Any], depth: int) -> Any:
        """Take the first alternative, deep inside the last: often null, which ends a recursion."""
        alternatives = schema.get("anyOf") or schema["oneOf"]
        return self.value(alternatives[0 if depth < _MAX_DEPTH // 2 else -1], depth)

    def of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) and kind else kind
        if kind == "object":
            properties = schema.get("properties") or {}
            return {name: self.value(properties.get(name), depth + 1) for name in schema.get("required") or ()}
        if kind == "array":
            count = min(max(schema.get("minItems") or 1, 1), _MAX_ITEMS)
            return [self.value(schema.get("items"), depth + 1)] * count
        if kind in _NUMBERS:
            return _number(schema, _NUMBERS[kind])
        return _string(schema) if kind == "string" else _SAMPLES.get(str(kind), "example")

    def resolved(self, reference: str) -> Any:
        found = self.root
        for step in str(reference).removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found


_KEYWORDS: tuple[tuple[str, Callable[[_Sampler, Mapping[str, Any], int], Any]], ...] = (
    ("$ref", _Sampler.of_reference),
    ("enum", lambda sampler, schema, depth: schema["enum"][0]),
    ("allOf", _Sampler.of_branches),
    ("anyOf", _Sampler.of_alternatives),
    ("oneOf", _Sampler.of_alternatives),
)
"""Keywords that decide the value, and how."""


def _number(schema: Mapping[str, Any], usual: float) -> Any:
    """Return the usual number, moved into the schema's range."""
    least, above = schema.get("minimum", usual), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum", usual), schema.get("exclusiveMaximum")
    least = max(least, above + 1) if above is not None else least
    most = min(most, below - 1) if below is not None else most
    return max(usual, least) if least > usual else min(usual, most)


def _string(schema: Mapping[str, Any]) -> str:
    """Return a text of the schema's format, padded or cut to its length."""
    text = _FORMATS.get(str(schema.get("format")), "example")
    text = text.ljust(min(schema.get("minLength") or 0, _MAX_CHARS), "x")
    return text[: schema.get("maxLength")]
