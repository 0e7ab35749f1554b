"""Custom tools, which take a text, as functions with one string argument: for targets that have no others."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.lenient_json import parse_or_none, serialize

CUSTOM_INPUT = "input"
"""The one argument of the function."""


def custom_function(description: Any, grammar: Any) -> dict[str, Any]:
    """Return the function's members but for its name. A grammar, which cannot be enforced, becomes part of the description."""
    syntax, definition = (text_of(object_of(grammar).get(name)) for name in ("syntax", "definition"))
    rule = f"The input must match this {syntax} grammar:\n{definition}" if definition else ""
    described = {"type": "string", "description": "The input of the tool, as plain text."}
    text = "\n\n".join(filter(None, (text_of(description), rule)))
    return {
        **({"description": text} if text else {}),
        "parameters": {
            "type": "object",
            "properties": {CUSTOM_INPUT: described},
            "required": [CUSTOM_INPUT],
            "additionalProperties": False,
        },
    }


def custom_arguments(text: str) -> str:
    """Return the input of a custom tool as the arguments of its function."""
    return serialize({CUSTOM_INPUT: text}).decode()


def custom_input(arguments: str) -> str:
    """Return the input of a custom tool from the arguments of its function: all of them if the model has made them up."""
    value = object_of(parse_or_none(arguments.encode("utf-8", "replace"))).get(CUSTOM_INPUT)
    return value if isinstance(value, str) else arguments
