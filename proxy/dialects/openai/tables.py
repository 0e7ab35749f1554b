"""OpenAI's endpoints and differences between its models: data, to be updated as the API changes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.dialects.contract import NativeRules
from proxy.dialects.hub.message_cleaning import (
    FOREIGN_IN_CALLS,
    FOREIGN_IN_MESSAGES,
    FOREIGN_IN_PARTS,
    CleaningRules,
)

PATHS = {
    "chat": "/chat/completions",
    "batches": "/batches",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "files": "/files",
    "image_edits": "/images/edits",
    "image_variations": "/images/variations",
    "images": "/images/generations",
    "moderations": "/moderations",
    "responses": "/responses",
    "responses_compact": "/responses/compact",
    "responses_input_tokens": "/responses/input_tokens",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
    "uploads": "/uploads",
}

MODEL_OPTIONAL = frozenset({"batches", "files", "image_edits", "image_variations", "images", "moderations", "uploads"})
"""Endpoints that choose a model themselves where the request names none."""

ANSWER_MEMBERS = {
    "chat": "choices",
    "completions": "choices",
    "image_edits": "data",
    "image_variations": "data",
    "images": "data",
    "moderations": "results",
    "responses": "output",
    "responses_compact": "output",
}
"""The member of a 200 body that is the answer: a list."""

CHOICE_MEMBERS: Mapping[str, tuple[str, type]] = {"chat": ("message", dict), "completions": ("text", str)}
"""The member of a choice that is its content, and the member's type."""

FILE_ID = re.compile(r"(?:file|assistant)-\w{1,64}")
"""Ids of its Files API, and of Azure's."""

AVOIDABLE_PARAMS = frozenset({"max_completion_tokens", "max_tokens", "stream_options"})
"""What a deployment or host may refuse of what it is sent: the limit has two names, usage in streams can be done without."""

NATIVE_RULES = NativeRules(
    reserved=(
        "background", "best_of", "conversation", "input", "messages", "model", "n", "previous_response_id", "prompt",
        "stream", "stream_options",
    ),
    limits=("max_completion_tokens", "max_output_tokens", "max_tokens"),
)  # fmt: skip
"""Those of every endpoint: an id of a response belongs to the caller who got it."""

USAGE_ON_REQUEST = ("chat", "completions")
"""Endpoints whose streams contain usage only on request."""

REASONING_MODELS = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d))")
"""Models, by the start of the name, that accept `max_completion_tokens` and reject `max_tokens`."""

SAMPLED_MODELS = re.compile(r"gpt-5-chat")
"""Those of them that do not reason and accept every parameter."""

OPTIONAL_REASONING_MODELS = re.compile(r"(?:ft:)?gpt-(?:5\.[1-9]|[6-9]|\d\d)")
"""Those of them whose reasoning can be switched off."""

NO_REASONING_MODELS = re.compile(r"(?:ft:)?(?:gpt-[34]|chatgpt-4)")
"""Models without reasoning."""

_CLASSIC = ("low", "medium", "high")
EFFORTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"(?:ft:)?o\d"), _CLASSIC),
    (re.compile(r"(?:ft:)?gpt-5(?!\.\d)"), ("minimal", *_CLASSIC)),
    (re.compile(r"(?:ft:)?gpt-5\.1"), ("none", *_CLASSIC)),
    (re.compile(r"(?:ft:)?gpt-(?:5\.|[6-9]|\d\d)"), ("none", *_CLASSIC, "xhigh")),
)
"""Models, of which the first match applies -> the values of `reasoning_effort` that they accept, in ascending order."""

FIXED_BY_REASONING = frozenset({"audio", "frequency_penalty", "logit_bias", "prediction", "presence_penalty", "stop"})
"""Parameters that reasoning models reject."""

FIXED_WITHOUT_EFFORT = frozenset({"logprobs", "temperature", "top_logprobs", "top_p"})
"""Parameters that they reject unless reasoning is switched off."""

NO_REASONING_PARAMS = frozenset({"reasoning_effort", "verbosity"})
"""Parameters that models without reasoning reject."""

FOREIGN_PARAMS = frozenset({
    "chat_template_kwargs", "include_reasoning", "min_p", "min_tokens", "random_seed", "reasoning", "reasoning_format",
    "repetition_penalty", "safe_prompt", "safety_settings", "thinking", "top_a", "top_k",
})  # fmt: skip
"""Other providers' parameters. OpenAI rejects a request that contains one."""

PARAMS_OF_REASONING = FOREIGN_PARAMS | NO_REASONING_PARAMS
"""Parameters that a model without reasoning may not take as they are."""

CHECKED_PARAMS = (
    FIXED_BY_REASONING
    | FIXED_WITHOUT_EFFORT
    | NO_REASONING_PARAMS
    | FOREIGN_PARAMS
    | {"max_completion_tokens", "max_tokens"}
)
"""Parameters that depend on the model. Most requests have none of them."""

MOST_TOKENS: Mapping[str, int] = {
    "chatgpt-4o": 16_384,
    "gpt-3.5-turbo": 4_096,
    "gpt-4-turbo": 4_096,
    "gpt-4.1": 32_768,
    "gpt-4o": 16_384,
    "gpt-5": 128_000,
    "gpt-5-chat": 16_384,
    "gpt-5-pro": 272_000,
    "o1": 100_000,
    "o3": 100_000,
    "o4-mini": 100_000,
}
"""Prefix of a model's name -> its maximum of output tokens."""

CLEANING = CleaningRules(FOREIGN_IN_MESSAGES, FOREIGN_IN_CALLS, FOREIGN_IN_PARTS)
"""What OpenAI rejects in messages."""

GPT_IMAGE_MODELS = re.compile(r"gpt-image|chatgpt-image")
"""The models that replaced DALL-E, with other option values."""

IMAGE_OPTION_MAP: Mapping[str, Mapping[str, str]] = {
    "quality": {"hd": "high", "standard": "medium"},
    "size": {
        "256x256": "1024x1024",
        "512x512": "1024x1024",
        "1024x1792": "1024x1536",
        "1792x1024": "1536x1024",
    },
}
"""Option -> DALL-E's value -> the GPT Image models' value."""

DROPPED_IMAGE_OPTIONS: Mapping[str, tuple[str, ...]] = {"response_format": ("b64_json",), "style": ()}
"""Options that the GPT Image models do not have -> values that describe what they do anyway, dropped without a warning."""
