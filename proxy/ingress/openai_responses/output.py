"""The members of a response: its envelope, its usage, and the items of its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.ingress.client_format import AnswerContext

Item = dict[str, Any]

ITEM_DIGITS = 4
"""Hexadecimal digits at the end of an item's id: its place in the output. The response's own id stands before them."""
INCOMPLETE_REASONS: Mapping[str, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The hub's finish reasons of an answer that is cut -> why it is incomplete."""


def response_id(context: AnswerContext) -> str:
    """Return the id of the response."""
    return f"resp_{context.id}"


def item_id(prefix: str, context: AnswerContext, index: int) -> str:
    """Return the id of an item, whose prefix tells its type."""
    return f"{prefix}_{context.id}{index:0{ITEM_DIGITS}x}"


def response_members(context: AnswerContext, model: str, status: str) -> dict[str, Any]:
    """Return a response without output, usage and error."""
    return {
        "id": response_id(context),
        "object": "response",
        "created_at": context.created,
        "completed_at": context.created if status == "completed" else None,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        **context.echo,
    }


def usage_members(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hub's usage under the names of this API. Unknown details are 0, as clients require them."""
    prompt, completion = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    prompt_details = object_of(usage.get("prompt_tokens_details"))
    completion_details = object_of(usage.get("completion_tokens_details"))
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": count_of(prompt_details.get("cached_tokens")),
            "cache_write_tokens": count_of(prompt_details.get("cache_write_tokens")),
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": count_of(completion_details.get("reasoning_tokens"))},
        "total_tokens": prompt + completion,
    }


def text_part(text: str, logprobs: list[Any], annotations: list[Any]) -> Item:
    """Return a part of a message that is text."""
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs}


def refusal_part(text: str) -> Item:
    """Return a part of a message that is a refusal."""
    return {"type": "refusal", "refusal": text}


def hub_annotations(annotations: Any) -> list[Item]:
    """Return the hub's citations of web pages, each of which has its members one level deeper."""
    found = [object_of(each.get("url_citation")) for each in objects_of(annotations)]
    return [{"type": "url_citation", **_citation(each)} for each in found if each]


def _citation(citation: Mapping[str, Any]) -> Item:
    return {
        "start_index": count_of(citation.get("start_index")),
        "end_index": count_of(citation.get("end_index")),
        "title": text_of(citation.get("title")),
        "url": text_of(citation.get("url")),
    }


def hub_logprobs(logprobs: Any) -> list[Item]:
    """Return the hub's log probabilities of a text, as a part of a message has them."""
    tokens = objects_of(object_of(logprobs).get("content"))
    return [
        {**_token(each), "top_logprobs": list(map(_token, objects_of(each.get("top_logprobs"))))} for each in tokens
    ]


def _token(token: Mapping[str, Any]) -> Item:
    text, data = text_of(token.get("token")), token.get("bytes")
    encoded = data if isinstance(data, list) else list(text.encode("utf-8", "replace"))
    return {"token": text, "bytes": encoded, "logprob": token.get("logprob")}


def event_logprobs(logprobs: list[Item]) -> list[Item]:
    """Return the log probabilities as events have them: without bytes."""
    return [
        {**_without_bytes(each), "top_logprobs": list(map(_without_bytes, each["top_logprobs"]))} for each in logprobs
    ]


def _without_bytes(token: Item) -> Item:
    return {name: value for name, value in token.items() if name != "bytes"}
