"""YAML nodes as plain values, for parts of the file whose shape is that of JSON in a request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from proxy.config.typed_loader import INVALID, Location, TypedLoader, mapping_items

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class JsonValue:
    """Any value that JSON can express. Loaded as `dict`, `list`, `str`, `int`, `float`, `bool` or `None`."""

    expected = "any value"
    schema: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def load_node(loader: TypedLoader, location: Location, kind: Any) -> Any:
        """Return the value, or INVALID if a variable in it is not set."""
        return plain_value(loader, location)


@dataclass(frozen=True, eq=False, slots=True)
class PolicyWords:
    """A `policy:` of the file: routing options by the names of the request's body member `routing`.

    Compared by identity, so that it is a cheap cache key. `routing.policy` parses it.
    """

    path: str = ""
    members: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def load_node(loader: TypedLoader, location: Location, kind: Any) -> Any:
        """Return the options as plain values, which are checked when the whole file is known."""
        members = plain_value(loader, location)
        if not isinstance(members, dict):
            return members if members is INVALID else loader.reject_type(location, "a mapping")
        return PolicyWords(location.path, members) if members else NO_POLICY


NO_POLICY = PolicyWords()


def plain_value(loader: TypedLoader, location: Location) -> Any:
    """Return a node as a plain value, or INVALID. What is not written in quotes may be a number, a boolean or null."""
    node = location.node
    loader.document.marks[location.path] = node.start_mark
    if isinstance(node, yaml.MappingNode):
        members = {
            key: plain_value(loader, location.child(key, value)) for key, _, value in mapping_items(loader, location)
        }
        return INVALID if INVALID in members.values() else members
    if isinstance(node, yaml.SequenceNode):
        items = [plain_value(loader, Location(each, f"{location.path}[{at}]")) for at, each in enumerate(node.value)]
        return INVALID if INVALID in items else items
    return _scalar(loader, location)


def _scalar(loader: TypedLoader, location: Location) -> Any:
    node: Any = location.node
    if not node.style and node.value in _WORDS:
        return _WORDS[node.value]
    text = loader.load(location, str)
    if text is INVALID or node.style:
        return text
    return json.loads(text) if _NUMBER.fullmatch(text) else _WORDS.get(text, text)
