"""Translates Gemini's responses into chat completions. The stream translator uses the same functions per event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import content_of, count_of, count_or_none, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.google.signatures import extra_content
from proxy.dialects.google.tables import FAILED_FINISH_REASONS, FINISH_REASONS, SERVED_TIER_HEADER, SERVED_TIERS
from proxy.dialects.google.web_search import grounded_citations
from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call, build_usage, call_id_stem
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import serialize
from proxy.errors import MalformedResponse


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Translate a 200 body: one choice per candidate, or one refusal if the prompt was blocked. Raises MalformedResponse."""
    response = parse_success_body(data, unwrap_list)
    choices = [_choice(candidate, context, position) for position, candidate in enumerate(candidates(response))]
    if not choices and (explanation := block_reason(response)):
        choices = [build_choice({"refusal": explanation}, "content_filter")]
    if not choices:
        raise MalformedResponse("the provider answered 200 without a candidate")
    token_counts = object_of(response.get("usageMetadata"))
    members = {
        "id": completion_id(response),
        "model": response.get("modelVersion"),
        "choices": choices,
        "usage": to_openai_usage(token_counts) if token_counts else None,
        "service_tier": served_tier(context),
    }
    return build_completion(members, context)


def unwrap_list(response: Any) -> Any:
    """Return the only item of a list: Google wraps some errors and non-SSE responses in one."""
    return response[0] if isinstance(response, list) and response else response


def _choice(candidate: dict[str, Any], context: ResponseContext, position: int) -> dict[str, Any]:
    texts: dict[str, list[str]] = {}
    calls: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    signed: dict[str, Any] = {}
    for part in parts(candidate):
        signed |= {} if "functionCall" in part else extra_content(part)
        if text := content_of(part.get("text")):
            texts.setdefault("reasoning_content" if part.get("thought") else "content", []).append(text)
        elif "functionCall" in part:
            calls.append(to_tool_call(part, context, position * 1000 + len(calls)))
        elif "inlineData" in part:
            images.append(to_image_part(part))
    reason = finish_reason(candidate)
    joined = {kind: "".join(pieces) for kind, pieces in texts.items()}
    message = {**joined, "refusal": refusal(candidate), "tool_calls": calls, "images": images or None, **signed}
    message["annotations"] = grounded_citations(candidate.get("groundingMetadata"), joined.get("content", "")) or None
    index = candidate.get("index")
    choice = build_choice(message, reason, index if isinstance(index, int) else position)
    unmapped = unmapped_finish_reason(candidate.get("finishReason"))
    return {**choice, "provider_finish_reason": unmapped} if unmapped else choice


def candidates(response: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a response's candidates. Raises MalformedResponse if they are not a list of objects."""
    return _objects(response.get("candidates"), "candidates")


def parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a candidate's parts, or [] if it was cut off before its first token. Raises MalformedResponse."""
    content = candidate.get("content")
    return _objects(content.get("parts") if isinstance(content, dict) else content, "parts")


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    if not value:
        return []
    if not isinstance(value, list) or [item for item in value if not isinstance(item, dict)]:
        raise MalformedResponse(f"the provider answered with invalid {name}")
    return value


def finish_reason(candidate: Mapping[str, Any]) -> str:
    """Return OpenAI's finish reason. Raises MalformedResponse if the reason means that generation failed."""
    reason = text_of(candidate.get("finishReason"))
    if reason in FAILED_FINISH_REASONS:
        raise MalformedResponse(
            f"the model's output was not usable: {text_of(candidate.get('finishMessage')) or reason}"
        )
    return FINISH_REASONS.get(reason, "stop")


def refusal(candidate: Mapping[str, Any]) -> str | None:
    """Return Google's explanation if a filter cut the candidate off, and None otherwise."""
    filtered = FINISH_REASONS.get(text_of(candidate.get("finishReason"))) == "content_filter"
    return text_of(candidate.get("finishMessage")) or None if filtered else None


def unmapped_finish_reason(reason: Any) -> str | None:
    """Return Google's finish reason if OpenAI has no equivalent, and None otherwise."""
    return text_of(reason) or None if text_of(reason) not in FINISH_REASONS else None


def block_reason(response: Mapping[str, Any]) -> str | None:
    """Return why the prompt was blocked, or None if it was not."""
    feedback = object_of(response.get("promptFeedback"))
    reason, message = feedback.get("blockReason"), text_of(feedback.get("blockReasonMessage"))
    return (message or f"The prompt was blocked: {text_of(reason)}") if reason else None


def completion_id(response: Mapping[str, Any]) -> str | None:
    """Return the response's id in OpenAI's form, if it has one."""
    id = text_of(response.get("responseId"))
    return f"chatcmpl-{id}" if id else None


def served_tier(context: ResponseContext) -> str | None:
    """Return OpenAI's name of the service tier that Google has served the request by, or None if it does not tell."""
    return SERVED_TIERS.get(context.headers.get(SERVED_TIER_HEADER, "").lower())


def to_tool_call(part: Mapping[str, Any], context: ResponseContext, position: int) -> dict[str, Any]:
    """Translate a function call. Its thought signature goes into `extra_content`, as at Google's OpenAI-compatible endpoint."""
    function_call = part["functionCall"]
    if not isinstance(function_call, dict):
        raise MalformedResponse("the provider answered with an invalid functionCall")
    id = text_of(function_call.get("id")) or f"call_{call_id_stem(context)}_{position}"
    arguments = serialize(function_call.get("args") or {}).decode()
    tool_call = build_tool_call(id, content_of(function_call.get("name")), arguments, context.tool_names)
    return {**tool_call, **extra_content(part)}


def to_image_part(part: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a generated image into an `image_url` part."""
    data = object_of(part["inlineData"])
    url = f"data:{text_of(data.get('mimeType'))};base64,{content_of(data.get('data'))}"
    return {"type": "image_url", "image_url": {"url": url}}


def to_openai_usage(token_counts: Mapping[str, Any]) -> dict[str, Any]:
    """Translate token counts. Models differ in whether `candidatesTokenCount` includes thoughts. The total shows which."""
    prompt = count_of(token_counts.get("promptTokenCount")) + count_of(token_counts.get("toolUsePromptTokenCount"))
    output = count_of(token_counts.get("candidatesTokenCount"))
    thoughts = count_or_none(token_counts.get("thoughtsTokenCount"))
    completion = output if prompt + output == token_counts.get("totalTokenCount") else output + (thoughts or 0)
    return build_usage(
        prompt,
        completion,
        {"cached_tokens": count_or_none(token_counts.get("cachedContentTokenCount"))},
        {"reasoning_tokens": thoughts},
    )
