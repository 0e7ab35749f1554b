"""OpenAI's endpoints and differences between its models: data, to be updated as the API changes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.dialects.hub.message_cleaning import (
    FOREIGN_IN_CALLS,
    FOREIGN_IN_MESSAGES,
    FOREIGN_IN_PARTS,
    CleaningRules,
)

PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "images": "/images/generations",
    "moderations": "/moderations",
    "responses": "/responses",
}

ANSWER_MEMBERS = {
    "chat": "choices",
    "completions": "choices",
    "embeddings": "data",
    "images": "data",
    "moderations": "results",
    "responses": "output",
}
"""The member of a 200 body that is the answer: a list."""

CHOICE_MEMBERS: Mapping[str, tuple[str, type]] = {"chat": ("message", dict), "completions": ("text", str)}
"""The member of a choice that is its content, and the member's type."""

USAGE_ON_REQUEST = ("chat", "completions")
"""Endpoints whose streams contain usage only on request."""

REASONING_MODELS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)")
"""Models, by the start of the name, that accept `max_completion_tokens` and reject `max_tokens`."""

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
