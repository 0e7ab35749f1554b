"""A whole answer of an OpenAI-shaped host, mended."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.compatible.normalize import normalize_message, normalize_usage
from proxy.dialects.compatible.tables import FAILED_FINISH_REASONS, FINISH_REASONS
from proxy.dialects.compatible.tools import repair_complete_call
from proxy.dialects.contract import ResponseContext
from proxy.dialects.hub.completion import build_choice, build_completion
from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse

_KEPT = ("id", "created", "model", "system_fingerprint", "service_tier")


def translate_response(data: bytes, reading: ResponseContext) -> bytes:
    """OpenAI's answer, with what of the host's own does no harm left out. Raises MalformedResponse if it is none."""
    body = parse_success_body(data)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedResponse("the provider answered 200 without choices")
    said = {key: body.get(key) or None for key in _KEPT}
    said["choices"] = [_choice(found, position, reading) for position, found in enumerate(choices)]
    return build_completion({**said, "usage": normalize_usage(body.get("usage"))}, reading)


def _choice(found: Any, position: int, reading: ResponseContext) -> dict[str, Any]:
    message, reason = object_of(found).get("message"), text_of(object_of(found).get("finish_reason")) or "stop"
    if not isinstance(message, dict) or found.get("error") or reason in FAILED_FINISH_REASONS:
        raise MalformedResponse(f"choice {position} of the provider's answer is broken")
    stem = f"call_{reading.id.removeprefix('chatcmpl-')}_{position}"
    calls = [
        repair_complete_call(call, f"{stem}_{index}", reading.tool_names)
        for index, call in enumerate(objects_of(message.get("tool_calls")))
    ]
    said = normalize_message(message)
    if calls:
        said |= {"tool_calls": calls, "content": said.get("content") or None}
    mended = build_choice(said, FINISH_REASONS.get(reason, "stop"), count_of(found.get("index")) or position)
    extra = {} if reason in FINISH_REASONS else {"provider_finish_reason": reason}
    return {**mended, "logprobs": found.get("logprobs"), **extra}
