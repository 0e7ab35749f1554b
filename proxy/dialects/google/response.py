"""A whole answer of Gemini as a chat completion, and the pieces that its streams are read by too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects import chunks
from proxy.dialects.contract import Reading
from proxy.dialects.faults import message_of
from proxy.dialects.google.tables import BROKEN, FINISH
from proxy.errors import BadAnswer

SHAPE = (AttributeError, KeyError, TypeError)
"""What reading an answer meets that is JSON, but not Gemini's."""


def answer(data: bytes, reading: Reading) -> bytes:
    """One choice per candidate; a blocked prompt is a choice too. Raises BadAnswer for what is no answer."""
    said = _parsed(data)
    try:
        return _completion(said, reading)
    except SHAPE as error:
        raise BadAnswer("the provider answered 200 with JSON that is no answer of Gemini's") from error


def _completion(said: dict[str, Any], reading: Reading) -> bytes:
    choices = [_choice(candidate, reading, place) for place, candidate in enumerate(said.get("candidates") or ())]
    if not choices and (why := blocked(said)):
        choices = [chunks.choice({"refusal": why}, "content_filter")]
    if not choices:
        raise BadAnswer("the provider answered 200 without a candidate")
    counts = said.get("usageMetadata")
    whole = {
        "id": identity(said),
        "model": said.get("modelVersion"),
        "choices": choices,
        "usage": usage(counts) if counts else None,
    }
    return chunks.completion(whole, reading)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        said = first(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        raise BadAnswer("the provider answered 200 with something that is not JSON") from error
    if not isinstance(said, dict):
        raise BadAnswer("the provider answered 200 without an answer in it")
    if said.get("error"):
        raise BadAnswer(f"the provider answered 200 with an error: {message_of(data)}")
    return said


def first(said: Any) -> Any:
    """Some errors, and answers that are no event stream, come as a list of one."""
    return said[0] if isinstance(said, list) and said else said


def _choice(candidate: dict[str, Any], reading: Reading, place: int) -> dict[str, Any]:
    texts: dict[str, str] = {}
    calls: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for part in parts(candidate):
        if text := part.get("text"):
            kind = "reasoning_content" if part.get("thought") else "content"
            texts[kind] = texts.get(kind, "") + text
        elif "functionCall" in part:
            calls.append(call(part, reading, place * 1000 + len(calls)))
        elif "inlineData" in part:
            images.append(image(part))
    reason = finish(candidate)
    message = {**texts, "refusal": refusal(candidate), "tool_calls": calls, "images": images or None}
    choice = chunks.choice(message, reason, candidate.get("index", place))
    odd = own_word(candidate.get("finishReason"))
    return {**choice, "provider_finish_reason": odd} if odd else choice


def parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a candidate says; one that was cut before its first word has no content at all."""
    return (candidate.get("content") or {}).get("parts") or []


def finish(candidate: Mapping[str, Any]) -> str:
    """OpenAI's reason. Raises BadAnswer for a reason that means there is no answer."""
    reason = candidate.get("finishReason")
    if reason in BROKEN:
        raise BadAnswer(f"the model's output was not usable: {candidate.get('finishMessage') or reason}")
    return FINISH.get(str(reason), "stop")


def refusal(candidate: Mapping[str, Any]) -> str | None:
    """Why a candidate was cut by a filter, where Google says so."""
    return candidate.get("finishMessage") if FINISH.get(candidate.get("finishReason", "")) == "content_filter" else None


def own_word(reason: Any) -> str | None:
    """The provider's word, where OpenAI has none that fits."""
    return reason if reason and reason not in FINISH else None


def blocked(said: Mapping[str, Any]) -> str | None:
    """Why the prompt was not answered, if so."""
    feedback = said.get("promptFeedback") or {}
    reason = feedback.get("blockReason")
    return feedback.get("blockReasonMessage") or f"The prompt was blocked: {reason}" if reason else None


def identity(said: Mapping[str, Any]) -> str | None:
    """The answer's id in OpenAI's manner, if it has one."""
    id = said.get("responseId")
    return f"chatcmpl-{id}" if id else None


def call(part: Mapping[str, Any], reading: Reading, place: int) -> dict[str, Any]:
    """A tool call, whole; its signature travels in `extra_content`, where Google's own OpenAI endpoint has it."""
    wanted = part["functionCall"]
    id = wanted.get("id") or f"call_{reading.id.removeprefix('chatcmpl-')}_{place}"
    made = chunks.tool_call(id, wanted.get("name", ""), orjson.dumps(wanted.get("args") or {}).decode(), reading.names)
    signature = part.get("thoughtSignature")
    return {**made, "extra_content": {"google": {"thought_signature": signature}}} if signature else made


def image(part: Mapping[str, Any]) -> dict[str, Any]:
    """A picture that the model made, in the form of an `image_url` part."""
    data = part["inlineData"]
    return {"type": "image_url", "image_url": {"url": f"data:{data.get('mimeType')};base64,{data.get('data')}"}}


def usage(counts: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's counts; whether candidates include thoughts differs by model, and only the total tells."""
    prompt = (counts.get("promptTokenCount") or 0) + (counts.get("toolUsePromptTokenCount") or 0)
    said, thoughts = counts.get("candidatesTokenCount") or 0, counts.get("thoughtsTokenCount") or 0
    completion = said if prompt + said == counts.get("totalTokenCount") else said + thoughts
    return chunks.usage(
        prompt,
        completion,
        {"cached_tokens": counts.get("cachedContentTokenCount")},
        {"reasoning_tokens": counts.get("thoughtsTokenCount")},
    )
