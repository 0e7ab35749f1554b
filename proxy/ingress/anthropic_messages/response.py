"""Translates a complete response of the hub into a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.call_repair import object_text
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import parse, serialize, with_exact_integers
from proxy.dialects.thinking_signature import pack
from proxy.ingress.anthropic_messages.usage import stop_reason, to_counts
from proxy.ingress.client_format import AnswerContext

Block = dict[str, Any]

_THINKING: Mapping[str, tuple[str, ...]] = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""Type of a block -> its members, the last of which proves whose it is."""


def envelope(context: AnswerContext, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a message that do not depend on its content. `answer` is the hub's response or first chunk."""
    model = text_of(answer.get("model")) or context.model
    return {"id": f"msg_{context.id}", "type": "message", "role": "assistant", "model": model}


def response_from_hub(body: bytes, context: AnswerContext) -> bytes:
    """Translate a response. Raises MalformedResponse if it is not a completion."""
    completion = parse_success_body(body)
    choice = next(iter(objects_of(completion.get("choices"))), {})
    message = object_of(choice.get("message"))
    calls = objects_of(message.get("tool_calls"))
    refusal = text_of(message.get("refusal"))
    reason = stop_reason(choice.get("finish_reason"), has_calls=bool(calls), is_refusal=bool(refusal))
    return serialize(
        {
            **envelope(context, completion),
            "content": _blocks(message, calls, context.echo.get("thinking")),
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": to_counts(completion.get("usage"), context.prompt_tokens),
        }
    )


def _blocks(message: Mapping[str, Any], calls: list[Block], display: str | None) -> list[Block]:
    text = text_of(message.get("content")) or text_of(message.get("refusal"))
    blocks = thinking_of(message, display) if display is not None else []
    blocks += [{"type": "text", "text": text}] if text else []
    for call in calls:
        blocks += [*carrier_of(call), _tool_use(call)]
    return blocks


def thinking_of(message: Mapping[str, Any], display: str) -> list[Block]:
    """Return what the model thought, as blocks with the vendor's signature, or else with one that says that there is none."""
    signed = [signed for block in objects_of(message.get("thinking_blocks")) if (signed := _signed(block))]
    text = text_of(message.get("reasoning_content"))
    if not signed and not text:
        return []
    blocks = signed or [{"type": "thinking", "thinking": text, "signature": pack({})}]
    if display == "omitted":
        return [{**block, "thinking": ""} if block["type"] == "thinking" else block for block in blocks]
    return blocks


def _signed(block: Mapping[str, Any]) -> Block | None:
    """Return a vendor's block with the members of its type alone, or None without what proves whose it is."""
    kind = text_of(block.get("type"))
    names = _THINKING.get(kind, ())
    return (
        {"type": kind, **{name: text_of(block.get(name)) for name in names}} if names and block.get(names[-1]) else None
    )


def carrier_of(call: Mapping[str, Any]) -> list[Block]:
    """Return the block that carries what a vendor wants back with its call, if there is anything."""
    extra = object_of(call.get("extra_content"))
    if not extra:
        return []
    return [{"type": "thinking", "thinking": "", "signature": pack({"call": call.get("id"), "extra_content": extra})}]


def _tool_use(call: Mapping[str, Any]) -> Block:
    function = object_of(call.get("function"))
    arguments = object_text(function.get("arguments")).encode("utf-8", "surrogatepass")
    tool_input = with_exact_integers(parse(arguments), arguments)
    return {
        "type": "tool_use",
        "id": text_of(call.get("id")),
        "name": text_of(function.get("name")),
        "input": tool_input,
    }
