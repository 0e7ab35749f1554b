"""Builds a whole chat completion, for responses that are not streamed: body, choices, tool calls and usage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.contract import ResponseContext
from proxy.dialects.lenient_json import serialize, to_well_formed

_TYPES: Mapping[str, type] = {"id": str, "model": str, "created": int}

TokenDetails = Mapping[str, int | None]
"""Name in `prompt_tokens_details` or `completion_tokens_details` -> count, or None if the provider does not send it."""

_SHORT_ID = re.compile(r"[A-Za-z0-9-]{1,24}")
_NO_DETAILS: TokenDetails = MappingProxyType({})


def build_completion(members: Mapping[str, Any], context: ResponseContext) -> bytes:
    """Return a completion with these members, `choices` and `usage` among them, and record it in the context.

    `id`, `model` and `created` come from the context where they are missing or of the wrong type.
    """
    valid = {key: value for key, value in members.items() if isinstance(value, _TYPES.get(key, object))}
    body: dict[str, Any] = {
        "id": context.id,
        "object": "chat.completion",
        "created": context.created,
        "model": context.model,
        **{key: value for key, value in valid.items() if value is not None},
        "provider": context.provider,
    }
    state = context.answer
    state.model, state.usage, state.done = to_well_formed(body["model"]), body.get("usage"), True
    for choice in body["choices"]:
        state.finish_reason = choice["finish_reason"]
    return serialize(body)


def build_choice(message: Mapping[str, Any], reason: str, index: int = 0) -> dict[str, Any]:
    """Return one choice. `content` and `refusal` are always present. Other members that are None are left out.

    A finish reason of `stop` becomes `tool_calls` if there are any.
    """
    calls = message.get("tool_calls")
    full = {"role": "assistant", "content": None, "refusal": None}
    full |= {key: value for key, value in message.items() if value is not None and (key != "tool_calls" or value)}
    reason = "tool_calls" if calls and reason == "stop" else reason
    return {"index": index, "message": full, "logprobs": None, "finish_reason": reason}


def build_tool_call(id: str, name: str, arguments: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a tool call under the caller's name for the tool. `names` is `ResponseContext.tool_names`."""
    return {"id": id, "type": "function", "function": {"name": names.get(name, name), "arguments": arguments}}


def call_id_stem(context: ResponseContext) -> str:
    """Return the part of an answer's id from which ids of its calls are made: short, as OpenAI accepts 40 characters."""
    own = context.id.removeprefix("chatcmpl-")
    if _SHORT_ID.fullmatch(own):
        return own
    return hashlib.sha256(own.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def build_usage(
    prompt: int,
    completion: int,
    prompt_details: TokenDetails = _NO_DETAILS,
    completion_details: TokenDetails = _NO_DETAILS,
) -> dict[str, Any]:
    """Return token counts in OpenAI's format. Unknown details are left out."""
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    for name, details in (("prompt_tokens_details", prompt_details), ("completion_tokens_details", completion_details)):
        known = {key: value for key, value in details.items() if value is not None}
        if known:
            counts[name] = known
    return counts
