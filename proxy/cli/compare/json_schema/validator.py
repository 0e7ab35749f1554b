"""Validates a value with a JSON Schema, as 2020-12 defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from proxy.cli.compare.json_schema.bounded_regex import is_found
from proxy.cli.compare.json_schema.keywords import ASSERTIONS, TYPES, type_name

MAX_DEPTH = 64
"""Of a value, with the references on the way to it."""
MAX_STEPS = 200_000
"""Pairs of a value and a schema that are compared."""
MAX_ERRORS = 5
_MAX_SHOWN_CHARS = 120


class TooComplexError(Exception):
    """A value and its schema are over the limits."""


@dataclass(frozen=True, slots=True)
class _Instance:
    """A value and its path, such as `items[0].name`."""

    value: Any
    path: str
    depth: int

    def member(self, name: str) -> _Instance:
        return _Instance(self.value[name], f"{self.path}.{name}" if self.path else name, self.depth + 1)

    def item(self, index: int) -> _Instance:
        return _Instance(self.value[index], f"{self.path}[{index}]", self.depth + 1)

    def again(self) -> _Instance:
        """Return the same value, one level deeper."""
        return _Instance(self.value, self.path, self.depth + 1)

    def error(self, message: str) -> str:
        return f"{self.path}: {message}" if self.path else message


def validation_errors(value: Any, schema: Any) -> list[str]:
    """Return up to five errors, each as `path: what is wrong`. The schema must have no problems.

    Raises TooComplexError, and RegexTimeoutError for a pattern that takes too long.
    """
    return list(islice(_Validator(schema).errors(_Instance(value, "", 0), schema), MAX_ERRORS))


@dataclass(slots=True)
class _Validator:
    """Validates one value. `root` is where references point into."""

    root: Any
    steps: int = 0

    def errors(self, instance: _Instance, schema: Any) -> Iterator[str]:
        self.steps += 1
        if instance.depth > MAX_DEPTH or self.steps > MAX_STEPS:
            raise TooComplexError
        if isinstance(schema, bool):
            yield from () if schema else [instance.error("is not allowed")]
            return
        for keyword, argument in schema.items():
            if keyword in ASSERTIONS:
                yield from _assertion_errors(keyword, argument, instance)
            elif keyword in APPLICATORS:
                yield from APPLICATORS[keyword](self, argument, instance, schema)

    def is_valid(self, instance: _Instance, schema: Any) -> bool:
        return next(self.errors(instance, schema), None) is None


def _assertion_errors(keyword: str, argument: Any, instance: _Instance) -> Iterator[str]:
    assertion, value = ASSERTIONS[keyword], instance.value
    is_about = assertion.type is None or TYPES[assertion.type](value)
    if is_about and not assertion.holds(value, argument):
        got = type_name(value) if keyword == "type" else _shown(value)
        yield instance.error(f"{assertion.message.format(_words(keyword, argument))}, got {got}")


def _words(keyword: str, argument: Any) -> str:
    """Return the value of a keyword as an error shows it."""
    if keyword == "type":
        return argument if isinstance(argument, str) else " or ".join(argument)
    return ", ".join(map(_shown, argument)) if keyword == "enum" else _shown(argument)


def _shown(value: Any) -> str:
    """Return a value as JSON, shortened."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"


_Keyword = Callable[[_Validator, Any, _Instance, Mapping[str, Any]], Iterator[str]]


def _properties(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(instance.value, dict):
        for name, member in argument.items():
            if name in instance.value:
                yield from check.errors(instance.member(name), member)


def _required(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(instance.value, dict):
        yield from (instance.error(f"'{name}' is missing") for name in argument if name not in instance.value)


def _matching(schema: Mapping[str, Any], name: str) -> list[Any]:
    """Return the schemas of `patternProperties` for a member's name."""
    return [each for pattern, each in schema.get("patternProperties", {}).items() if is_found(pattern, name)]


def _patterns(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    for name in instance.value if isinstance(instance.value, dict) else ():
        for member in _matching(schema, name):
            yield from check.errors(instance.member(name), member)


def _additional(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    named = schema.get("properties", {})
    for name in instance.value if isinstance(instance.value, dict) else ():
        if name not in named and not _matching(schema, name):
            yield from check.errors(instance.member(name), argument)


def _names(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    for name in instance.value if isinstance(instance.value, dict) else ():
        member = instance.member(name)
        yield from check.errors(_Instance(name, member.path, member.depth), argument)


def _items(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(instance.value, list):
        for index in range(len(schema.get("prefixItems", ())), len(instance.value)):
            yield from check.errors(instance.item(index), argument)


def _prefix(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(instance.value, list):
        for index, item in enumerate(argument[: len(instance.value)]):
            yield from check.errors(instance.item(index), item)


def _all_of(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    for each in argument:
        yield from check.errors(instance.again(), each)


def _any_of(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    reasons = []
    for each in argument:
        if (reason := next(check.errors(instance.again(), each), None)) is None:
            return
        reasons.append(reason)
    yield instance.error(f"matches none of anyOf ({'; '.join(reasons)[:_MAX_SHOWN_CHARS]})")


def _one_of(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    count = sum(check.is_valid(instance.again(), each) for each in argument)
    if count != 1:
        yield instance.error(f"matches {count} of oneOf, must match exactly one")


def _not(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    if check.is_valid(instance.again(), argument):
        yield instance.error("matches what `not` excludes")


def _reference(check: _Validator, argument: Any, instance: _Instance, schema: Mapping[str, Any]) -> Iterator[str]:
    yield from check.errors(instance.again(), resolved(check.root, argument))


APPLICATORS: Mapping[str, _Keyword] = {
    "properties": _properties,
    "required": _required,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "prefixItems": _prefix,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "$ref": _reference,
}
"""Keyword -> the errors of a value by the schemas in it."""


def resolved(root: Any, reference: str) -> Any:
    """Return the schema that a reference such as `#/$defs/item` points to, None if there is none."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    found = root
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found
