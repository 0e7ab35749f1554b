"""What Mistral's chat API accepts: data, to be updated as the API changes. It answers unknown members with a 422."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.dialects.hub.params import NumericParam, ParamTable
from proxy.dialects.hub.reasoning import REASONING_PARAMS
from proxy.dialects.names import NameRule
from proxy.dialects.refusals import RefusalTable

PATHS = {"chat": "/v1/chat/completions"}

FILE_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
"""Ids of its Files API."""

TOOL_NAME = NameRule("A-Za-z0-9_-", limit=64)

PARAMS = ParamTable(
    numbers={
        "temperature": NumericParam("temperature", 0, 1.5),
        "top_p": NumericParam("top_p", 0.0001, 1),
        "presence_penalty": NumericParam("presence_penalty", -2, 2),
        "frequency_penalty": NumericParam("frequency_penalty", -2, 2),
        "seed": NumericParam("random_seed", 0, 2**63 - 1, drop_below=True),
    },
    copied={
        "stop": "stop",
        "n": "n",
        "metadata": "metadata",
        "logprobs": "logprobs",
        "top_logprobs": "top_logprobs",
        "prompt_cache_key": "prompt_cache_key",
        "top_k": "top_k",
        "min_tokens": "min_tokens",
        "repetition_penalty": "repetition_penalty",
        "safe_prompt": "safe_prompt",
    },
    translated=frozenset({"parallel_tool_calls", "prediction", "response_format"}) | REASONING_PARAMS,
)

ALWAYS_REASON = re.compile(r"magistral")
"""Models that reason in any case: there is nothing to request."""

REASON_ON_REQUEST = re.compile(r"mistral-(?:small|medium)")
"""Models with `reasoning_effort`, which is `high` or `none`."""

FORMATS = ("json_object", "json_schema")
"""Types of `response_format` other than `text`."""

SCHEMA = ("name", "description", "schema", "strict")
"""Members that `response_format.json_schema` may have."""

SERVICE_TIERS: Mapping[str, str] = {"auto": "auto", "default": "standard_only"}

MODES: Mapping[str, str] = {"auto": "auto", "none": "none", "required": "any"}
"""OpenAI's `tool_choice` -> Mistral's."""

BRIDGE = "OK."
"""Assistant message inserted between a tool result and a user message: older models require one."""

FILLER = "."
"""User message after a conversation of only system messages: the API requires one."""

REFUSALS = RefusalTable(
    model_messages=((re.compile(r"(\w+) is not (?:enabled|supported) (?:for|by) this model"), None),),
    openai_names={"random_seed": "seed"},
)
"""Its validation errors (422) name the member by its path."""
