"""A whole answer of Gemini as a chat completion, and the pieces that its streams are read by too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import content_of, count_of, count_or_none, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import message_from_body
from proxy.dialects.google.tables import FAILED_FINISH_REASONS, FINISH_REASONS
from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call, build_usage
from proxy.dialects.lenient_json import parse, serialize
from proxy.errors import MalformedResponse


def translate_response(data: bytes, reading: ResponseContext) -> bytes:
    """One choice per candidate; a blocked prompt is a choice too. Raises MalformedResponse for what is no answer."""
    said = _parsed(data)
    choices = [_choice(candidate, reading, place) for place, candidate in enumerate(candidates(said))]
    if not choices and (why := block_reason(said)):
        choices = [build_choice({"refusal": why}, "content_filter")]
    if not choices:
        raise MalformedResponse("the provider answered 200 without a candidate")
    counts = object_of(said.get("usageMetadata"))
    whole = {
        "id": completion_id(said),
        "model": said.get("modelVersion"),
        "choices": choices,
        "usage": to_openai_usage(counts) if counts else None,
    }
    return build_completion(whole, reading)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        said = unwrap_list(parse(data))
    except ValueError as error:
        raise MalformedResponse("the provider answered 200 with something that is not JSON") from error
    if not isinstance(said, dict):
        raise MalformedResponse("the provider answered 200 without an answer in it")
    if said.get("error"):
        raise MalformedResponse(f"the provider answered 200 with an error: {message_from_body(data)}")
    return said


def unwrap_list(said: Any) -> Any:
    """Some errors, and answers that are no event stream, come as a list of one."""
    return said[0] if isinstance(said, list) and said else said


def _choice(candidate: dict[str, Any], reading: ResponseContext, place: int) -> dict[str, Any]:
    texts: dict[str, str] = {}
    calls: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for part in parts(candidate):
        if text := content_of(part.get("text")):
            kind = "reasoning_content" if part.get("thought") else "content"
            texts[kind] = texts.get(kind, "") + text
        elif "functionCall" in part:
            calls.append(to_tool_call(part, reading, place * 1000 + len(calls)))
        elif "inlineData" in part:
            images.append(to_image_part(part))
    reason = finish_reason(candidate)
    message = {**texts, "refusal": refusal(candidate), "tool_calls": calls, "images": images or None}
    index = candidate.get("index")
    choice = build_choice(message, reason, index if isinstance(index, int) else place)
    odd = unmapped_finish_reason(candidate.get("finishReason"))
    return {**choice, "provider_finish_reason": odd} if odd else choice


def candidates(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An answer's candidates. Raises MalformedResponse for what are none."""
    return _objects(said.get("candidates"), "candidates")


def parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a candidate says; one that was cut before its first word has no content at all. Raises MalformedResponse."""
    content = candidate.get("content")
    return _objects(content.get("parts") if isinstance(content, dict) else content, "parts")


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    if not value:
        return []
    if not isinstance(value, list) or [item for item in value if not isinstance(item, dict)]:
        raise MalformedResponse(f"the provider answered with {name} that are not Gemini's")
    return value


def finish_reason(candidate: Mapping[str, Any]) -> str:
    """OpenAI's reason. Raises MalformedResponse for a reason that means there is no answer."""
    reason = text_of(candidate.get("finishReason"))
    if reason in FAILED_FINISH_REASONS:
        raise MalformedResponse(
            f"the model's output was not usable: {text_of(candidate.get('finishMessage')) or reason}"
        )
    return FINISH_REASONS.get(reason, "stop")


def refusal(candidate: Mapping[str, Any]) -> str | None:
    """Why a candidate was cut by a filter, where Google says so."""
    filtered = FINISH_REASONS.get(text_of(candidate.get("finishReason"))) == "content_filter"
    return text_of(candidate.get("finishMessage")) or None if filtered else None


def unmapped_finish_reason(reason: Any) -> str | None:
    """The provider's word, where OpenAI has none that fits."""
    return text_of(reason) or None if text_of(reason) not in FINISH_REASONS else None


def block_reason(said: Mapping[str, Any]) -> str | None:
    """Why the prompt was not answered, if so."""
    feedback = object_of(said.get("promptFeedback"))
    reason, message = feedback.get("blockReason"), text_of(feedback.get("blockReasonMessage"))
    return (message or f"The prompt was blocked: {text_of(reason)}") if reason else None


def completion_id(said: Mapping[str, Any]) -> str | None:
    """The answer's id in OpenAI's manner, if it has one."""
    id = text_of(said.get("responseId"))
    return f"chatcmpl-{id}" if id else None


def to_tool_call(part: Mapping[str, Any], reading: ResponseContext, place: int) -> dict[str, Any]:
    """A tool call, whole; its signature travels in `extra_content`, where Google's own OpenAI endpoint has it."""
    wanted = part["functionCall"]
    if not isinstance(wanted, dict):
        raise MalformedResponse("the provider answered with a functionCall that is not Gemini's")
    id = text_of(wanted.get("id")) or f"call_{reading.id.removeprefix('chatcmpl-')}_{place}"
    arguments = serialize(wanted.get("args") or {}).decode()
    made = build_tool_call(id, content_of(wanted.get("name")), arguments, reading.tool_names)
    signature = text_of(part.get("thoughtSignature"))
    return {**made, "extra_content": {"google": {"thought_signature": signature}}} if signature else made


def to_image_part(part: Mapping[str, Any]) -> dict[str, Any]:
    """A picture that the model made, in the form of an `image_url` part."""
    data = object_of(part["inlineData"])
    url = f"data:{text_of(data.get('mimeType'))};base64,{content_of(data.get('data'))}"
    return {"type": "image_url", "image_url": {"url": url}}


def to_openai_usage(counts: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's counts; whether candidates include thoughts differs by model, and only the total tells."""
    prompt = count_of(counts.get("promptTokenCount")) + count_of(counts.get("toolUsePromptTokenCount"))
    said, thoughts = count_of(counts.get("candidatesTokenCount")), count_or_none(counts.get("thoughtsTokenCount"))
    completion = said if prompt + said == counts.get("totalTokenCount") else said + (thoughts or 0)
    return build_usage(
        prompt,
        completion,
        {"cached_tokens": count_or_none(counts.get("cachedContentTokenCount"))},
        {"reasoning_tokens": thoughts},
    )
