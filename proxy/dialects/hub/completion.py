"""Writes a non-streamed chat completion: the body, its choices, tool calls and usage."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.contract import ResponseContext
from proxy.dialects.lenient_json import serialize, to_well_formed


def build_completion(said: Mapping[str, Any], reading: ResponseContext) -> bytes:
    """A whole answer from its `choices` and `usage`; `id`, `model` and `created` are the reading's where not given."""
    given = {key: value for key, value in said.items() if isinstance(value, _TYPES.get(key, object))}
    body: dict[str, Any] = {
        "id": reading.id,
        "object": "chat.completion",
        "created": reading.created,
        "model": reading.model,
        **{key: value for key, value in given.items() if value is not None},
        "provider": reading.provider,
    }
    seen = reading.answer
    seen.model, seen.usage, seen.done = to_well_formed(body["model"]), body.get("usage"), True
    for choice in body["choices"]:
        seen.finish_reason = choice["finish_reason"]
    return serialize(body)


_TYPES: Mapping[str, type] = {"id": str, "model": str, "created": int}


def build_choice(message: Mapping[str, Any], reason: str, index: int = 0) -> dict[str, Any]:
    """One choice of a whole answer; `content` and `refusal_delta` are always there, members that are None otherwise are not."""
    calls = message.get("tool_calls")
    full = {"role": "assistant", "content": None, "refusal": None}
    full |= {key: value for key, value in message.items() if value is not None and (key != "tool_calls" or value)}
    reason = "tool_calls" if calls and reason == "stop" else reason
    return {"index": index, "message": full, "logprobs": None, "finish_reason": reason}


def build_tool_call(id: str, name: str, arguments: str, names: Mapping[str, str]) -> dict[str, Any]:
    """A tool call of a whole answer, under the caller's own name for the tool."""
    return {"id": id, "type": "function", "function": {"name": names.get(name, name), "arguments": arguments}}


TokenDetails = Mapping[str, int | None]
_NONE: TokenDetails = MappingProxyType({})


def build_usage(
    prompt: int, completion: int, prompted: TokenDetails = _NONE, completed: TokenDetails = _NONE
) -> dict[str, Any]:
    """Counts in OpenAI's shape; details that are None (unknown) are left out, and so is a group without any."""
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    for name, details in (("prompt_tokens_details", prompted), ("completion_tokens_details", completed)):
        known = {key: value for key, value in details.items() if value is not None}
        if known:
            counts[name] = known
    return counts
