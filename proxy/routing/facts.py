"""Parses a request's JSON body into the facts that routing needs: model, size, limits and needed capabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import maxsize
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from proxy.dialects import DIALECTS
from proxy.dialects.hub.media import is_media
from proxy.dialects.lenient_json import serialize
from proxy.errors import InvalidRequestError
from proxy.json_values import BYTES_PER_VALUE, VALUES_PER_CONTAINER, count_values
from proxy.routing.endpoint_bodies import BODIES
from proxy.routing.media import NO_MEDIA, Media, find_media
from proxy.routing.request_body import (
    ChatBody,
    CompletionsBody,
    Message,
    RequestBody,
    parse_body,
)


class Facts(Struct, frozen=True):
    """The facts of a request's body that routing reads."""

    endpoint: str = ""
    model: str = ""
    """Empty where the request names none, and the provider chooses."""
    stream: bool = False
    include_usage: bool = False
    """Whether the caller requested a usage chunk at the end of the stream."""
    prompt_tokens: int = 0
    """Estimate before calibration: one token per BYTES_PER_TOKEN characters of text, plus messages and images."""
    longest_input_tokens: int | None = None
    """The same of the longest of several inputs that do not share a context window. None if there are none."""
    max_tokens: int | None = None
    """The caller's limit for each choice, or None if it sets none."""
    reasoning_tokens: int = 0
    """The part of `max_tokens` that is reserved for reasoning."""
    asks_for_reasoning: bool = False
    """Whether it asks the model to think first, which can take minutes without any content."""
    n: int = 1
    """Number of choices, over all prompts."""
    discarded_choices: int = 0
    """Choices that are generated and billed beyond those: `best_of` of a completion."""
    needs: frozenset[str] = frozenset()
    """Capabilities that the target must have, of `tools`, `images` and `json_schema`."""
    is_plain_text: bool = True
    """Whether the answer is text: the request offers no tools and asks for no other format."""
    hub_endpoint: str = ""
    """The endpoint by which a target without `endpoint` may serve a translation. Empty if there is none."""
    unsupported_feature: str = ""
    """The member of the body because of which there is no translation."""
    media: Media = NO_MEDIA
    """Its files and audio."""
    hosted_tools: tuple[str, ...] = ()
    """Names of the offered tools that only a target with `endpoint` can run."""

    @property
    def billed_choices(self) -> int:
        """Number of choices that are generated."""
        return self.n + self.discarded_choices


def parsed_bytes(raw: bytes, max_values: int) -> int:
    """Return the bytes that the values of a body take once they are parsed, 0 if they are too few to count.

    Raises InvalidRequestError if they are more than `max_values`.
    """
    if len(raw) <= _UNCOUNTED_BYTES and len(raw) * VALUES_PER_CONTAINER <= max_values:
        return 0
    values = count_values(raw, max_values)
    if values > max_values:
        raise InvalidRequestError(f"the body has over {max_values} JSON values", code="invalid_json")
    return values * BYTES_PER_VALUE


def held_bytes(members: Mapping[str, Any]) -> int:
    """Return the bytes that parsed members take, their text included."""
    raw = serialize(members)
    return len(raw) + count_values(raw, maxsize) * BYTES_PER_VALUE


_UNCOUNTED_BYTES = 16 * 1024


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """Return the body as a JSON object. Raises InvalidRequestError if it is not one, or nested too deeply."""
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
"""Levels of arrays and objects. orjson serializes no more, and every JSON parser takes that many."""


def _check_depth(body: dict[str, Any]) -> None:
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidRequestError(f"the body is nested over {MAX_DEPTH} levels", code="invalid_json") from error


MAX_TOKENS_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "generate_content": ("maxOutputTokens", "max_output_tokens"),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
"""The members that limit the output tokens, by endpoint. Other endpoints have no such limit."""

_LIMIT_HOLDERS: Mapping[str, tuple[str, ...]] = {"generate_content": ("generationConfig", "generation_config")}
"""The member of the body that these are in, by endpoint, where they are not in the body itself."""


def limit_members(endpoint: str, body: Mapping[str, Any], max_tokens: int) -> dict[str, Any]:
    """Return the members of the body that limit the output tokens to `max_tokens`, under the names that it uses."""
    names = MAX_TOKENS_MEMBERS[endpoint]
    if (holders := _LIMIT_HOLDERS.get(endpoint)) is None:
        return dict.fromkeys([name for name in names if name in body] or names[:1], max_tokens)
    holder = next((name for name in holders if isinstance(body.get(name), dict)), holders[0])
    members = body.get(holder) or {}
    return {holder: {**members, **dict.fromkeys([name for name in names if name in members] or names[:1], max_tokens)}}


def parse_facts(endpoint: str, body: Mapping[str, Any]) -> Facts:
    """Return the facts of a JSON body. Raises InvalidRequestError for a member that is missing or of the wrong type."""
    schema = BODIES[endpoint]
    members = parse_body(body, schema.body_type)
    model, required = members.model or schema.default_model, schema.required_member
    needs_model = None if schema.is_model_optional else "model"
    for name, value in ((required, required and getattr(members, required)), (needs_model, model)):
        if name and not value:
            raise InvalidRequestError(f"'{name}' is missing or empty", param=name, code="missing_required_parameter")
    messages = members.messages if isinstance(members, ChatBody) else None
    text, images, media = _count_content(messages or [])
    options, mentions_reasoning = members.stream_options, not _REASONING_MEMBERS.isdisjoint(body)
    facts = Facts(
        endpoint=endpoint,
        model=(model or "")[:_MAX_MODEL_NAME_LENGTH],
        stream=bool(members.stream),
        include_usage=bool(options and options.get("include_usage")),
        prompt_tokens=(text + _count_other_text(members)) // BYTES_PER_TOKEN
        + len(messages or ()) * _TOKENS_PER_MESSAGE
        + images * _TOKENS_PER_IMAGE,
        max_tokens=members.output_token_limit,
        reasoning_tokens=_reasoning_budget(body) if mentions_reasoning else 0,
        asks_for_reasoning=mentions_reasoning and _asks_for_reasoning(body),
        n=members.n or 1,
        needs=_needs(members, images),
        media=find_media(media) if media else NO_MEDIA,
        is_plain_text=not (members.tools or members.functions or members.response_format) or _is_plain_text(members),
    )
    if endpoint == "embeddings":
        return _facts_of_embeddings(facts, members.input)
    return _facts_of_completions(facts, members) if isinstance(members, CompletionsBody) else facts


def _facts_of_completions(facts: Facts, members: CompletionsBody) -> Facts:
    """Return the facts of a text completion: each prompt gets its own choices."""
    prompts = _prompt_count(members.prompt)
    discarded = max((members.best_of or 1) - facts.n, 0)
    return replace(facts, n=facts.n * prompts, discarded_choices=discarded * prompts)


def _facts_of_embeddings(facts: Facts, inputs: Any) -> Facts:
    """Return the facts of a request for embeddings: they are never streamed, and each input is embedded alone."""
    several = isinstance(inputs, list) and isinstance(inputs[0], (str, list))
    counts = [_input_tokens(each) for each in (inputs if several else [inputs])]
    return replace(facts, stream=False, longest_input_tokens=max(counts))


def _input_tokens(value: Any) -> int:
    """Estimate the tokens of one input: a text, or a list of token numbers."""
    return len(value) if isinstance(value, list) else len(value) // BYTES_PER_TOKEN if isinstance(value, str) else 0


_MAX_MODEL_NAME_LENGTH = 257
"""Characters. One more than a model's name may have, so that a name that was cut matches no model."""
BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4
"""Overhead of a message next to its text (OpenAI's cookbook counts three or four)."""
_TOKENS_PER_IMAGE = 765
"""An image of 1024 x 1024 pixels at OpenAI's high detail."""


def _count_content(messages: Sequence[Message]) -> tuple[int, int, list[dict[str, Any]]]:
    """Return the characters of text, tool calls included, the number of images, and the parts that are files or audio."""
    text, images, media = 0, 0, list[dict[str, Any]]()
    for message in messages:
        content = message.content
        if isinstance(content, str):
            text += len(content)
        elif isinstance(content, list):
            parts = [part for part in content if isinstance(part, dict)]
            text += sum(len(part["text"]) for part in parts if isinstance(part.get("text"), str))
            images += sum(part.get("type") == "image_url" for part in parts)
            media += filter(is_media, parts)
        if message.tool_calls:
            text += len(orjson.dumps(message.tool_calls))
    return text, images, media


def _prompt_count(prompt: Any) -> int:
    """Return the number of prompts of a completion. A list of tokens is one prompt."""
    several = isinstance(prompt, list) and bool(prompt) and all(isinstance(each, (str, list)) for each in prompt)
    return len(prompt) if several and prompt else 1


def _count_other_text(members: RequestBody) -> int:
    """Return the characters of text outside chat messages."""
    values = [value for value in members.other_texts if value]
    if not values:
        return 0
    return sum([len(value) if isinstance(value, str) else len(orjson.dumps(value)) for value in values])


NO_NEEDS: frozenset[str] = frozenset()


def _needs(members: RequestBody, images: int) -> frozenset[str]:
    response_format = members.response_format
    if not (members.tools or members.functions or images or response_format):
        return NO_NEEDS
    needs = {
        "tools": bool(members.tools or members.functions),
        "images": images > 0,
        "json_schema": isinstance(response_format, dict) and response_format.get("type") == "json_schema",
    }
    return frozenset(name for name, needed in needs.items() if needed)


def _is_plain_text(members: RequestBody) -> bool:
    response_format = members.response_format
    kind = response_format.get("type") if isinstance(response_format, dict) else response_format
    return kind in _TEXT_FORMATS and not members.tools and not members.functions


_TEXT_FORMATS = ("text", None)

_REASONING_BUDGETS = tuple({field: None for dialect in DIALECTS.values() for field in dialect.reasoning_budget_fields})


def _reasoning_budget(body: Mapping[str, Any]) -> int:
    """Return the reasoning tokens that the request allows in any dialect's field for them, or 0 without one."""
    for member, name in _REASONING_BUDGETS:
        holder = body.get(member)
        budget = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(budget, int) and budget > 0:
            return int(budget)
    return 0


_REASONING_MEMBERS = frozenset({"reasoning_effort", "reasoning"} | {member for member, _ in _REASONING_BUDGETS})
"""The members by which a request asks for reasoning, of any dialect: a word, or an object."""
_OFF = ("none", "disabled", False)


def _asks_for_reasoning(body: Mapping[str, Any]) -> bool:
    """Return whether any of these members is there and none of its words turns reasoning off."""
    for value in (body.get(name) for name in _REASONING_MEMBERS):
        words = [value.get(name) for name in ("effort", "type", "enabled")] if isinstance(value, dict) else [value]
        if value and not any(word in _OFF for word in words if isinstance(word, (str, bool))):
            return True
    return False
