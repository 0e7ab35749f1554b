"""Repairs a whole response of an OpenAI-compatible host."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.compatible.normalize import normalize_message
from proxy.dialects.compatible.tables import FAILED_FINISH_REASONS, FINISH_REASONS
from proxy.dialects.compatible.tools import repair_complete_call
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.completion import build_choice, build_completion, call_id_stem
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.hub.usage import normalize_usage
from proxy.errors import MalformedResponse

_KEPT = ("id", "created", "model", "system_fingerprint", "service_tier")


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Return the completion in OpenAI's format. The host's own top-level members are left out. Raises MalformedResponse."""
    body = parse_success_body(data)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedResponse("the provider answered 200 without choices")
    members = {key: body.get(key) or None for key in _KEPT}
    members["choices"] = [_choice(choice, position, context) for position, choice in enumerate(choices)]
    return build_completion({**members, "usage": normalize_usage(body.get("usage"))}, context)


def _choice(choice: Any, position: int, context: ResponseContext) -> dict[str, Any]:
    message, reason = object_of(choice).get("message"), text_of(object_of(choice).get("finish_reason")) or "stop"
    if not isinstance(message, dict) or choice.get("error") or reason in FAILED_FINISH_REASONS:
        raise MalformedResponse(f"choice {position} of the provider's answer is broken")
    stem = f"call_{call_id_stem(context)}_{position}"
    calls = [
        repair_complete_call(call, f"{stem}_{index}", context.tool_names)
        for index, call in enumerate(objects_of(message.get("tool_calls")))
    ]
    repaired = normalize_message(message)
    if calls:
        repaired |= {"tool_calls": calls, "content": repaired.get("content") or None}
    index = count_of(choice.get("index")) or position
    built = build_choice(repaired, FINISH_REASONS.get(reason, "stop"), index)
    own = {} if reason in FINISH_REASONS else {"provider_finish_reason": reason}
    return {**built, "logprobs": choice.get("logprobs"), **own}
