"""Translates a complete chat completion of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import serialize
from proxy.errors import MalformedResponse
from proxy.ingress.client_format import AnswerContext
from proxy.ingress.openai_responses.answer import Answer
from proxy.ingress.openai_responses.events import NoEvents
from proxy.ingress.openai_responses.output import INCOMPLETE_REASONS, Item, response_members, usage_members


def response_from_hub(data: bytes, context: AnswerContext) -> bytes:
    """Return the response as JSON. Raises MalformedResponse if it is not a completion with a choice."""
    completion = parse_success_body(data)
    choice = next(iter(objects_of(completion.get("choices"))), None)
    if choice is None:
        raise MalformedResponse("the provider answered without a choice")
    answer, reason = Answer(context, NoEvents()), text_of(choice.get("finish_reason"))
    answer.add(object_of(choice.get("message")), choice.get("logprobs"))
    answer.close(reason)
    model = text_of(completion.get("model")) or context.model
    response = finished_response(response_members(context, model, final_status(reason)), reason, completion)
    provider = {"provider": completion["provider"]} if "provider" in completion else {}
    return serialize({**response, "output": answer.output(), **provider})


def final_status(finish_reason: str) -> str:
    """Return the status of a response that ends with one of the hub's finish reasons."""
    return "incomplete" if finish_reason in INCOMPLETE_REASONS else "completed"


def finished_response(members: Mapping[str, Any], finish_reason: str, completion: Mapping[str, Any]) -> Item:
    """Return a response with why it ended, and the hub's usage and service tier."""
    why = INCOMPLETE_REASONS.get(finish_reason)
    usage = object_of(completion.get("usage"))
    return {
        **members,
        "incomplete_details": {"reason": why} if why else None,
        "usage": usage_members(usage) if usage else None,
        "service_tier": text_of(completion.get("service_tier")) or members.get("service_tier"),
    }
