"""What every simulated provider says: who it is and what it heard, or a call of the tool it was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

MAX_ECHOED_CHARS = 200
"""Characters of the last message that are said back."""

_WORDS = re.compile(r"\s*\S+(?:\s+\S+){0,2}\s*")
_FRAGMENT = 12
_SAMPLES: Mapping[str, Any] = {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "null": None}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What of a request decides the answer."""

    provider: str
    model: str
    user: str
    """The last user message's text."""
    conversation: str = ""
    """The text of the whole conversation, for counting."""
    tool_result: str | None = None
    """What a tool returned, where that is the last message."""
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The tools that may be called now: name -> JSON schema of the arguments."""
    tool_required: bool = False
    """One of them must be called."""
    max_tokens: int | None = None
    prefill: str = ""
    """The answer's beginning, which it is asked to go on from."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool called, with arguments that its schema allows."""

    name: str
    arguments: dict[str, Any]

    def fragments(self) -> list[str]:
        """The arguments as JSON, in the pieces a stream sends."""
        text = orjson.dumps(self.arguments).decode()
        return [text[at : at + _FRAGMENT] for at in range(0, len(text), _FRAGMENT)]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """An answer in no provider's format yet: text in pieces of a few words, or tools called."""

    pieces: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    truncated: bool
    """The text ended at max_tokens."""
    prompt_tokens: int
    tokens: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def generate(prompt: Prompt) -> ModelOutput:
    """The answer; the same prompt gets the same one."""
    uses = () if prompt.tool_result is not None else _uses(prompt)
    full = "" if uses else _text(prompt)[len(prompt.prefill) :]
    text = full if prompt.max_tokens is None else full[: 4 * prompt.max_tokens]
    said = text + "".join(piece for use in uses for piece in use.fragments())
    return ModelOutput(
        pieces=tuple(_WORDS.findall(text)),
        tool_calls=uses,
        truncated=len(text) < len(full),
        prompt_tokens=count_tokens(prompt.conversation),
        tokens=count_tokens(said),
    )


def count_tokens(text: str) -> int:
    """A plausible count: four characters each, and at least one."""
    return max(1, -(-len(text) // 4))


def sample_value(schema: Any) -> Any:
    """A value that the schema allows, for the JSON Schema that tools are declared with."""
    if not isinstance(schema, Mapping):
        return "example"
    for stated in ("const", "default"):
        if stated in schema:
            return schema[stated]
    if schema.get("enum"):
        return schema["enum"][0]
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    return sample_value(alternatives[0]) if alternatives else _typed(schema)


def _typed(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: sample_value(properties.get(name)) for name in schema.get("required") or ()}
    if kind == "array":
        return [sample_value(schema.get("items"))]
    return _SAMPLES.get(str(kind), "example")


def _uses(prompt: Prompt) -> tuple[ToolCall, ...]:
    named = [name for name in prompt.tools if name and name in prompt.user]
    if prompt.tool_required and not named:
        named = list(prompt.tools)[:1]
    return tuple(ToolCall(name, sample_value({"type": "object", **prompt.tools[name]})) for name in named)


def _text(prompt: Prompt) -> str:
    heard = ("You said", prompt.user) if prompt.tool_result is None else ("The tool said", prompt.tool_result)
    return f"Hello from {prompt.provider} ({prompt.model}), simulated. {heard[0]}: {heard[1][:MAX_ECHOED_CHARS]}"
