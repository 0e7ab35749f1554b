"""The simulated model: the deterministic answer that every simulated provider puts into its own format.

The text names the provider and echoes the last user message or tool result. Instead of text, a tool is called if the
user message contains its name, or if the request requires a tool call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from proxy.sandbox.contract import SimulatedError
from proxy.sandbox.sample import sample_value

MAX_ECHOED_CHARS = 200
"""Length of the part of the last message that is echoed."""
MAX_SEARCHED_CHARS = 10_000
"""Length of the part of the last message in which names of tools are looked for."""
MAX_TOOL_CALLS = 8
MAX_FRAGMENTS = 32
"""Pieces of a tool call's arguments in a stream."""
MAX_ARGUMENTS_CHARS = 2**16
"""JSON of the arguments of all tool calls, with their names."""

_WORDS = re.compile(r"\s*\S+(?:\s+\S+){0,2}\s*")
_FRAGMENT_CHARS = 12


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6w4HAAH7ARF0JhTpAAAAAElFTkSuQmCC"
"""A PNG of one green pixel, base64."""
ANY_JSON: Mapping[str, Any] = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
"""The schema of an answer that may be any JSON object."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts of a request that determine the answer."""

    provider: str
    model: str
    user: str
    """The last user message's text."""
    conversation: str = ""
    """The text of all messages, for the token count."""
    tool_result: str | None = None
    """The tool result, if that is the last message."""
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The tools that may be called: name -> JSON schema of the arguments."""
    tool_required: bool = False
    """Whether one of them must be called."""
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    """The JSON schema of the answer, {"type": "object"} for any JSON, None for text."""
    prefill: str = ""
    """The beginning of the answer, given by the client. The answer continues it."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call with arguments that match the tool's schema."""

    name: str
    arguments: dict[str, Any]

    def fragments(self) -> list[str]:
        """Return the arguments as JSON, in the fragments of a stream."""
        text = orjson.dumps(self.arguments).decode()
        size = max(_FRAGMENT_CHARS, -(-len(text) // MAX_FRAGMENTS))
        return [text[at : at + size] for at in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """An answer independent of the wire format: text in pieces of a few words, or tool calls."""

    pieces: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    truncated: bool
    """Whether max_tokens cut the text."""
    prompt_tokens: int
    tokens: int

    @property
    def text(self) -> str:
        """The complete text."""
        return "".join(self.pieces)


def generate(prompt: Prompt) -> ModelOutput:
    """Return the answer. Equal prompts get equal answers. Raises SimulatedError if a tool takes too many arguments."""
    calls = () if prompt.tool_result is not None else _tool_calls(prompt)
    full = "" if calls else _text(prompt)[len(prompt.prefill) :]
    text = full if prompt.max_tokens is None else full[: 4 * prompt.max_tokens]
    output = text + "".join(fragment for call in calls for fragment in call.fragments())
    if len(output) + sum(len(call.name) for call in calls) > MAX_ARGUMENTS_CHARS:
        raise SimulatedError(400, f"The simulated model writes at most {MAX_ARGUMENTS_CHARS} characters of arguments.")
    return ModelOutput(
        pieces=tuple(_WORDS.findall(text)),
        tool_calls=calls,
        truncated=len(text) < len(full),
        prompt_tokens=count_tokens(prompt.conversation),
        tokens=count_tokens(output),
    )


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for every four characters, at least one."""
    return max(1, -(-len(text) // 4))


def _tool_calls(prompt: Prompt) -> tuple[ToolCall, ...]:
    searched = prompt.user[:MAX_SEARCHED_CHARS]
    named = list(islice((name for name in prompt.tools if name and name in searched), MAX_TOOL_CALLS))
    if prompt.tool_required and not named:
        named = list(prompt.tools)[:1]
    return tuple(ToolCall(name, sample_value({"type": "object", **prompt.tools[name]})) for name in named)


def _text(prompt: Prompt) -> str:
    if prompt.schema is not None:
        return orjson.dumps(sample_value(prompt.schema)).decode()
    intro, text = ("You said", prompt.user) if prompt.tool_result is None else ("The tool said", prompt.tool_result)
    return f"Hello from {prompt.provider} ({prompt.model}), simulated. {intro}: {text[:MAX_ECHOED_CHARS]}"
