"""Finds what is wrong with a JSON Schema: malformed keywords, and those that would not be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from proxy.cli.compare.json_schema.bounded_regex import regex_error
from proxy.cli.compare.json_schema.formats import FORMATS
from proxy.cli.compare.json_schema.keywords import TYPES
from proxy.cli.compare.json_schema.validator import resolved
from proxy.config.document import suggestion

Problem = tuple[str, str]
"""Path in the schema, such as `.properties.name`, and what is wrong there."""

_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "$anchor", "title", "description", "default", "example", "examples", "deprecated",
     "readOnly", "writeOnly")
)  # fmt: skip
"""Keywords that assert nothing."""


def schema_problems(schema: Any) -> list[Problem]:
    """Return the path and the message of each problem, [] for a schema that can be validated with."""
    return list(_problems(schema, schema, ""))


def _problems(schema: Any, root: Any, path: str) -> Iterator[Problem]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield path, "a JSON Schema must be an object, true or false"
        return
    for keyword, argument in schema.items():
        where = f"{path}.{keyword}"
        if keyword in _CHECKS:
            message = _CHECKS[keyword](argument, root)
            if message is not None:
                yield where, message
            else:
                yield from _inner_problems(keyword, argument, root, where)
        elif keyword not in _ANNOTATIONS:
            yield where, f"a keyword that cannot be checked{suggestion(keyword, list(_CHECKS))}"


def _inner_problems(keyword: str, argument: Any, root: Any, path: str) -> Iterator[Problem]:
    """Return the problems of the schemas in a keyword."""
    if keyword in _SCHEMA:
        yield from _problems(argument, root, path)
    for index, each in enumerate(argument if keyword in _LISTS else ()):
        yield from _problems(each, root, f"{path}[{index}]")
    for name, each in (argument if keyword in _TABLES else {}).items():
        yield from _problems(each, root, f"{path}.{name}")


Check = Callable[[Any, Any], str | None]
"""Takes the value of a keyword and the whole schema, and returns what is wrong."""


def _must_be(words: str, is_valid: Callable[[Any], bool]) -> Check:
    return lambda argument, root: None if is_valid(argument) else f"must be {words}"


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_type(value: Any) -> bool:
    names = [value] if isinstance(value, str) else value
    return _is_texts(names) and bool(names) and all(name in TYPES for name in names)


def _pattern(argument: Any, root: Any) -> str | None:
    return regex_error(argument) if isinstance(argument, str) else "must be a regular expression"


def _patterns(argument: Any, root: Any) -> str | None:
    if not isinstance(argument, dict):
        return "must be an object"
    return next((error for each in argument if (error := regex_error(str(each)))), None)


def _reference(argument: Any, root: Any) -> str | None:
    if isinstance(argument, str) and isinstance(resolved(root, argument), dict | bool):
        return None
    return "must point to a schema within this one, such as #/$defs/name"


_FORMAT_NAMES = _must_be(f"one of {', '.join(FORMATS)}", lambda value: isinstance(value, str) and value in FORMATS)
_TYPE = _must_be(f"one of {', '.join(TYPES)}, or a list of them", _is_type)
_NUMBER = _must_be("a number", TYPES["number"])
_COUNT = _must_be("a whole number from 0 on", lambda value: TYPES["integer"](value) and value >= 0)
_OBJECT = _must_be("an object", TYPES["object"])
_LIST = _must_be("a list", TYPES["array"])
_SCHEMAS = _must_be("a list of schemas that is not empty", lambda value: isinstance(value, list) and value != [])

_SCHEMA = frozenset(("items", "additionalProperties", "propertyNames", "not"))
_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_TABLES = frozenset(("properties", "patternProperties", "$defs", "definitions"))

_CHECKS: Mapping[str, Check] = {
    "type": _TYPE,
    "format": _FORMAT_NAMES,
    "pattern": _pattern,
    "patternProperties": _patterns,
    "$ref": _reference,
    "enum": _LIST,
    "const": _must_be("a value", lambda value: True),
    "required": _must_be("a list of names", _is_texts),
    "uniqueItems": _must_be("true or false", TYPES["boolean"]),
    "multipleOf": _must_be("a number above 0", lambda value: TYPES["number"](value) and value > 0),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _COUNT),
    **dict.fromkeys(sorted(_LISTS), _SCHEMAS),
    **dict.fromkeys(sorted(_TABLES - {"patternProperties"}), _OBJECT),
    **dict.fromkeys(sorted(_SCHEMA), _must_be("a schema", lambda value: isinstance(value, dict | bool))),
}
"""Keyword -> what is wrong with its value."""
