"""What of a request's body a decision needs, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from proxy.errors import InvalidRequestError
from proxy.routing.request_body import ChatBody, CompletionsBody, Message, RequestBody, ResponsesBody, parse_body


class Facts(Struct, frozen=True, gc=False):
    """The request as routing sees it."""

    endpoint: str = ""
    model: str = ""
    stream: bool = False
    include_usage: bool = False
    """Whether the caller asked for a usage chunk at the stream's end."""
    prompt_tokens: int = 0
    """An estimate: four bytes of text a token, before it is calibrated."""
    max_tokens: int | None = None
    """What the answer may have at most, if the caller says."""
    reasoning_tokens: int = 0
    """What of the answer is set aside for reasoning."""
    n: int = 1
    """Choices of the answer."""
    needs: frozenset[str] = frozenset()
    """Of `tools`, `images`, `json_schema`: what the target must take."""


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidRequestError."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"the body is not JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise InvalidRequestError("the body must be a JSON object", code="invalid_type")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(body)
    return body


MAX_DEPTH = 254
"""Levels of arrays and objects: what orjson writes, and less than any parser takes."""


def _check_depth(body: dict[str, Any]) -> None:
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidRequestError(f"the body is nested over {MAX_DEPTH} levels", code="invalid_json") from error


class _Endpoint(Struct, frozen=True):
    """What an endpoint's body may have, what it must have beside its model, and the model where it names none."""

    body_type: type[RequestBody] = RequestBody
    required_member: str | None = None
    default_model: str | None = None


_ENDPOINTS: Mapping[str, _Endpoint] = {
    "chat": _Endpoint(ChatBody, "messages"),
    "completions": _Endpoint(CompletionsBody, "prompt"),
    "embeddings": _Endpoint(required_member="input"),
    "images": _Endpoint(required_member="prompt"),
    "moderations": _Endpoint(required_member="input", default_model="omni-moderation-latest"),
    "responses": _Endpoint(ResponsesBody),  # what continues a stored prompt has none of its own
}

MAX_TOKENS_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
"""Where an endpoint's body says how long the answer may be; the others cannot say it."""


def parse_facts(endpoint: str, body: Mapping[str, Any]) -> Facts:
    """The facts of a parsed body. Raises InvalidRequestError naming the member that is missing or of the wrong type."""
    known = _ENDPOINTS[endpoint]
    asked = parse_body(body, known.body_type)
    model = asked.model or known.default_model
    for name, there in (
        (known.required_member, known.required_member and getattr(asked, known.required_member)),
        ("model", model),
    ):
        if name and not there:
            raise InvalidRequestError(f"'{name}' is missing or empty", param=name, code="missing_required_parameter")
    messages = asked.messages if isinstance(asked, ChatBody) else None
    text, images = _count_text_and_images(messages or [])
    options = asked.stream_options
    return Facts(
        endpoint=endpoint,
        model=(model or "")[:_MAX_MODEL_NAME_LENGTH],
        stream=bool(asked.stream),
        include_usage=bool(options and options.get("include_usage")),
        prompt_tokens=(text + _count_other_text(asked)) // BYTES_PER_TOKEN
        + len(messages or ()) * _TOKENS_PER_MESSAGE
        + images * _TOKENS_PER_IMAGE,
        max_tokens=asked.output_token_limit,
        reasoning_tokens=_reasoning_budget(asked) if asked.thinking or asked.reasoning else 0,
        n=(asked.n or 1) * _prompt_count(asked),
        needs=_needs(asked, images),
    )


_MAX_MODEL_NAME_LENGTH = 257
"""Characters: one more than any model's name has, so that what is cut is still nobody's."""
BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4
"""Tokens that a message costs beside its text (OpenAI's cookbook counts three or four)."""
_TOKENS_PER_IMAGE = 765
"""Tokens of a picture of 1024 x 1024 at OpenAI's high detail."""


def _count_text_and_images(messages: Sequence[Message]) -> tuple[int, int]:
    """Characters of text, and pictures."""
    text, images = 0, 0
    for message in messages:
        content = message.content
        if isinstance(content, str):
            text += len(content)
        elif isinstance(content, list):
            parts = [part for part in content if isinstance(part, dict)]
            text += sum(len(part["text"]) for part in parts if isinstance(part.get("text"), str))
            images += sum(part.get("type") == "image_url" for part in parts)
        if message.tool_calls:
            text += len(orjson.dumps(message.tool_calls))
    return text, images


def _prompt_count(asked: RequestBody) -> int:
    """Return the number of prompts of a completion, each of which gets `n` choices; a list of tokens is one prompt."""
    prompt = asked.prompt if isinstance(asked, CompletionsBody) else None
    several = isinstance(prompt, list) and bool(prompt) and all(isinstance(each, (str, list)) for each in prompt)
    return len(prompt) if several and prompt else 1


def _count_other_text(asked: RequestBody) -> int:
    """Characters of what is read besides messages."""
    values = [value for value in (asked.tools, asked.prompt, asked.input, asked.instructions) if value]
    return sum([len(value) if isinstance(value, str) else len(orjson.dumps(value)) for value in values])


NO_NEEDS: frozenset[str] = frozenset()


def _needs(asked: RequestBody, images: int) -> frozenset[str]:
    shape = asked.response_format
    if not (asked.tools or asked.functions or images or shape):
        return NO_NEEDS
    needs = {
        "tools": bool(asked.tools or asked.functions),
        "images": images > 0,
        "json_schema": isinstance(shape, dict) and shape.get("type") == "json_schema",
    }
    return frozenset(name for name, needed in needs.items() if needed)


def _reasoning_budget(asked: RequestBody) -> int:
    """The budget in Anthropic's spelling, or in OpenRouter's."""
    for holder, name in ((asked.thinking, "budget_tokens"), (asked.reasoning, "max_tokens")):
        budget = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(budget, int) and budget > 0:
            return int(budget)
    return 0
