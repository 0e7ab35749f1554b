"""The keywords of JSON Schema that assert something of one value alone, without a schema inside."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from proxy.cli.compare.json_schema.bounded_regex import is_found
from proxy.cli.compare.json_schema.formats import FORMATS

TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: TYPES["number"](value) and float(value).is_integer(),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
"""Name of a type -> whether a value is of it."""


def type_name(value: Any) -> str:
    """Return the name of a value's type."""
    return next(name for name, is_of in TYPES.items() if is_of(value))


_BOOLEANS = {True: object(), False: object()}


def hashable(value: Any) -> Any:
    """Return what is equal for values that are equal in JSON, where 1 equals 1.0, and true does not equal 1."""
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, dict):
        return frozenset((name, hashable(member)) for name, member in value.items())
    return tuple(map(hashable, value)) if isinstance(value, list) else value


class Assertion(NamedTuple):
    """A keyword: the type of the values that it is about, None for all, and whether it holds."""

    type: str | None
    holds: Callable[[Any, Any], bool]
    """Takes the value and the keyword's own value."""
    message: str
    """What is wrong if it does not hold. `{}` is the keyword's own value."""


def _is_multiple(value: Any, divisor: Any) -> bool:
    return Fraction(repr(value)) % Fraction(repr(divisor)) == 0


def _is_unique(items: list[Any], wanted: bool) -> bool:
    return not wanted or len(set(map(hashable, items))) == len(items)


def _is_one_of(value: Any, values: list[Any]) -> bool:
    return hashable(value) in map(hashable, values)


def _is_of_type(value: Any, names: Any) -> bool:
    return any(TYPES[name](value) for name in ([names] if isinstance(names, str) else names))


ASSERTIONS: Mapping[str, Assertion] = {
    "type": Assertion(None, _is_of_type, "expected {}"),
    "enum": Assertion(None, _is_one_of, "expected one of {}"),
    "const": Assertion(None, lambda value, only: _is_one_of(value, [only]), "expected {}"),
    "minimum": Assertion("number", operator.ge, "must be at least {}"),
    "maximum": Assertion("number", operator.le, "must be at most {}"),
    "exclusiveMinimum": Assertion("number", operator.gt, "must be more than {}"),
    "exclusiveMaximum": Assertion("number", operator.lt, "must be less than {}"),
    "multipleOf": Assertion("number", _is_multiple, "must be a multiple of {}"),
    "minLength": Assertion("string", lambda text, least: len(text) >= least, "must have at least {} characters"),
    "maxLength": Assertion("string", lambda text, most: len(text) <= most, "must have at most {} characters"),
    "pattern": Assertion("string", lambda text, pattern: is_found(pattern, text), "does not match {}"),
    "format": Assertion("string", lambda text, name: FORMATS[name](text), "is not of the format {}"),
    "minItems": Assertion("array", lambda items, least: len(items) >= least, "must have at least {} items"),
    "maxItems": Assertion("array", lambda items, most: len(items) <= most, "must have at most {} items"),
    "uniqueItems": Assertion("array", _is_unique, "has equal items"),
    "minProperties": Assertion("object", lambda members, least: len(members) >= least, "must have at least {} members"),
    "maxProperties": Assertion("object", lambda members, most: len(members) <= most, "must have at most {} members"),
}
