"""Translates a complete response of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, objects_of, text_of
from proxy.dialects.hub.call_repair import object_text
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import parse, serialize, with_exact_integers
from proxy.ingress.client_format import AnswerContext
from proxy.ingress.gemini.logprobs import logprobs_members
from proxy.ingress.gemini.signatures import call_signature, signature_of
from proxy.ingress.gemini.usage import finish_reason, usage_metadata

Part = dict[str, Any]


def response_from_hub(body: bytes, context: AnswerContext) -> bytes:
    """Translate a response. Raises MalformedResponse if it is not a completion."""
    completion = parse_success_body(body)
    candidates = [_candidate(choice, context) for choice in objects_of(completion.get("choices"))]
    usage = usage_metadata(completion.get("usage"), context.prompt_tokens)
    model = text_of(completion.get("model")) or context.model
    return serialize(
        {"candidates": candidates, "usageMetadata": usage, "modelVersion": model, "responseId": context.id}
    )


def content(parts: list[Part]) -> dict[str, Any]:
    """Return the content of a candidate."""
    return {"parts": parts, "role": "model"}


def _candidate(choice: Mapping[str, Any], context: AnswerContext) -> dict[str, Any]:
    message = object_of(choice.get("message"))
    refusal = text_of(message.get("refusal"))
    return {
        "content": content(list(_parts(message, shows_thoughts=bool(context.echo.get("thoughts"))))),
        "finishReason": finish_reason(choice.get("finish_reason"), is_refusal=bool(refusal)),
        "index": count_of(choice.get("index")),
        **logprobs_members(choice),
    }


def _parts(message: Mapping[str, Any], *, shows_thoughts: bool) -> Iterable[Part]:
    if shows_thoughts and (thought := text_of(message.get("reasoning_content"))):
        yield thought_part(thought)
    if text := text_of(message.get("content")) or text_of(message.get("refusal")):
        yield signed({"text": text}, signature_of(message))
    yield from map(image_part, objects_of(message.get("images")))
    thinking = objects_of(message.get("thinking_blocks"))
    for index, call in enumerate(objects_of(message.get("tool_calls"))):
        yield call_part(call, call_signature(call, thinking, is_first=index == 0))


def thought_part(text: str) -> Part:
    """Return a part of what the model thinks."""
    return {"text": text, "thought": True}


def signed(part: Part, signature: str) -> Part:
    """Return the part with the signature, if there is one."""
    return {**part, "thoughtSignature": signature} if signature else part


def image_part(image: Mapping[str, Any]) -> Part:
    """Return the part of a generated image."""
    head, _, data = text_of(object_of(image.get("image_url")).get("url")).partition(";base64,")
    return {"inlineData": {"mimeType": head.removeprefix("data:"), "data": data}}


def call_part(call: Mapping[str, Any], signature: str) -> Part:
    """Return the part of a call."""
    function = object_of(call.get("function"))
    arguments = object_text(function.get("arguments")).encode("utf-8", "surrogatepass")
    args = with_exact_integers(parse(arguments), arguments)
    members = {"id": text_of(call.get("id")), "name": text_of(function.get("name")), "args": args}
    return signed({"functionCall": members}, signature)
