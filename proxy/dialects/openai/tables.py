"""What OpenAI's models and endpoints take: data, to be changed as they change."""

from __future__ import annotations

import re
from collections.abc import Mapping

PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "images": "/images/generations",
    "moderations": "/moderations",
    "responses": "/responses",
}

USAGE_ON_REQUEST = ("chat", "completions")
"""Endpoints whose streams tell their usage only when asked."""

REASONING_MODELS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)")
"""Models, by the start of their name, that take `max_completion_tokens` and refuse `max_tokens`."""

FOREIGN_IN_MESSAGES = frozenset({"provider", "reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"})
"""Members of other providers' answers, which come back in the history; OpenAI refuses a request that holds one."""

FOREIGN_IN_CALLS = frozenset({"extra_content"})
"""The same in each of `tool_calls`: Gemini's signatures."""

GPT_IMAGE_MODELS = re.compile(r"gpt-image|chatgpt-image")
"""Models that took DALL-E's place, and have other words for what is asked of a picture."""

IMAGE_OPTION_MAP: Mapping[str, Mapping[str, str]] = {
    "quality": {"hd": "high", "standard": "medium"},
    "size": {
        "256x256": "1024x1024",
        "512x512": "1024x1024",
        "1024x1792": "1024x1536",
        "1792x1024": "1536x1024",
    },
}
"""DALL-E's word -> theirs."""

DROPPED_IMAGE_OPTIONS: Mapping[str, tuple[str, ...]] = {"response_format": ("b64_json",), "style": ()}
"""What they have no word for, and the values that ask for what they do anyway: answer with the picture itself."""
