"""A whole answer of an OpenAI-shaped host, mended."""

from __future__ import annotations

from typing import Any

from proxy.dialects.chunks import choice, completion
from proxy.dialects.contract import Reading
from proxy.dialects.meta.tables import BROKEN, FINISH
from proxy.dialects.meta.tools import whole_call
from proxy.dialects.meta.words import usage, words
from proxy.dialects.shapes import count_of, object_of, objects_of, text_of
from proxy.dialects.whole import opened
from proxy.errors import BadAnswer

_KEPT = ("id", "created", "model", "system_fingerprint", "service_tier")


def answer(data: bytes, reading: Reading) -> bytes:
    """OpenAI's answer, with what of the host's own does no harm left out. Raises BadAnswer if it is none."""
    body = opened(data)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise BadAnswer("the provider answered 200 without choices")
    said = {key: body.get(key) or None for key in _KEPT}
    said["choices"] = [_choice(found, position, reading) for position, found in enumerate(choices)]
    return completion({**said, "usage": usage(body.get("usage"))}, reading)


def _choice(found: Any, position: int, reading: Reading) -> dict[str, Any]:
    message, reason = object_of(found).get("message"), text_of(object_of(found).get("finish_reason")) or "stop"
    if not isinstance(message, dict) or found.get("error") or reason in BROKEN:
        raise BadAnswer(f"choice {position} of the provider's answer is broken")
    stem = f"call_{reading.id.removeprefix('chatcmpl-')}_{position}"
    calls = [
        whole_call(call, f"{stem}_{index}", reading.names)
        for index, call in enumerate(objects_of(message.get("tool_calls")))
    ]
    said = words(message)
    if calls:
        said |= {"tool_calls": calls, "content": said.get("content") or None}
    mended = choice(said, FINISH.get(reason, "stop"), count_of(found.get("index")) or position)
    extra = {} if reason in FINISH else {"provider_finish_reason": reason}
    return {**mended, "logprobs": found.get("logprobs"), **extra}
