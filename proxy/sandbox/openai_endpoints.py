"""OpenAI's smaller endpoints, simulated: embeddings, images, moderations and completions of plain text."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, SimulatedError, event_reply, json_reply
from proxy.sandbox.model import ModelOutput, Prompt, count_tokens, generate
from proxy.sandbox.openai_chat import DONE, content_text, usage

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6w4HAAH7ARF0JhTpAAAAAElFTkSuQmCC"
"""A PNG of one green pixel, base64."""

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)

_MOST_INPUTS = 2048
_DIMENSIONS: Mapping[str, int] = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS = 1536
_MOST_IMAGES = 10
_DEFAULT_MAX_TOKENS = 16


def embeddings(call: Call, body: Mapping[str, Any]) -> Reply:
    """A vector of length 1 for each input, the same for the same text."""
    inputs = _inputs(body["input"], "input")
    if len(inputs) > _MOST_INPUTS or not all(inputs):
        raise SimulatedError(400, f"'input' must be 1 to {_MOST_INPUTS} texts, none empty.", param="input")
    size = body.get("dimensions") or _DIMENSIONS.get(body["model"], _DEFAULT_DIMENSIONS)
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise SimulatedError(400, "'encoding_format' must be float or base64.", param="encoding_format")
    data = [
        {"object": "embedding", "index": index, "embedding": _written(_vector(said, size), form)}
        for index, said in enumerate(inputs)
    ]
    heard = sum(map(count_tokens, inputs))
    counts = {"prompt_tokens": heard, "total_tokens": heard}
    return _counted({"object": "list", "data": data, "model": body["model"], "usage": counts}, heard)


def images(call: Call, body: Mapping[str, Any]) -> Reply:
    """The same pixel `n` times; dall-e gives a URL unless asked otherwise, and here the URL is the picture itself."""
    model, n = str(body.get("model") or "dall-e-2"), body.get("n") or 1
    old = model.startswith("dall-e")
    if n > (1 if model == "dall-e-3" else _MOST_IMAGES):
        raise SimulatedError(400, f"'n' is too high for {model}.", param="n", code="integer_above_max_value")
    if "response_format" in body and not old:
        raise SimulatedError(
            400, "Unknown parameter: 'response_format'.", param="response_format", code="unknown_parameter"
        )
    if body.get("stream"):
        raise SimulatedError(400, "Pictures come in no stream here.", param="stream", code="unsupported_value")
    by_url = old and body.get("response_format") != "b64_json"
    picture = {"url": f"data:image/png;base64,{PIXEL}"} if by_url else {"b64_json": PIXEL}
    revised = {"revised_prompt": body["prompt"]} if model == "dall-e-3" else {}
    answer: dict[str, Any] = {"created": int(call.now), "data": [{**picture, **revised}] * n}
    heard, said = count_tokens(body["prompt"]), n
    counts = {"input_tokens": heard, "output_tokens": said, "total_tokens": heard + said}
    details = {"input_tokens_details": {"text_tokens": heard, "image_tokens": 0}}
    return _counted(answer if old else {**answer, "usage": {**counts, **details}}, heard + said)


def moderations(call: Call, body: Mapping[str, Any]) -> Reply:
    """A text is flagged for each category that it names."""
    inputs = body["input"]
    texts = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(texts[0], str):
        texts = [content_text(texts)]
    model = body.get("model") or "omni-moderation-latest"
    return json_reply(200, {}, {"id": f"modr-{call.id()}", "model": model, "results": list(map(_judged, texts))})


def completions(call: Call, body: Mapping[str, Any]) -> Reply:
    """Text that goes on after the prompt, whole or as events."""
    prompts = _inputs(body["prompt"], "prompt")
    said = [_said(call, body, prompt) for prompt in prompts for _ in range(body.get("n") or 1)]
    texts = _Texts(call, body, said)
    reply = event_reply(texts.events()) if body.get("stream") else json_reply(200, {}, texts.whole())
    return replace(reply, tokens=texts.usage()["total_tokens"])


def _inputs(value: Any, name: str) -> list[str]:
    """The texts of a string, of a list of them, or of tokens, which are told apart by their numbers alone."""
    if isinstance(value, str):
        return [value]
    if all(isinstance(one, int) for one in value):
        return [" ".join(map(str, value))]
    if not all(isinstance(one, str | list) for one in value):
        raise SimulatedError(400, f"'{name}' must be a string, tokens, or an array of either.", param=name)
    return [one if isinstance(one, str) else " ".join(map(str, one)) for one in value]


def _vector(said: str, size: int) -> bytes:
    """Little-endian 32-bit floats."""
    numbers = [byte - 127.5 for byte in hashlib.shake_256(said.encode()).digest(size)]
    length = math.hypot(*numbers)
    return struct.pack(f"<{size}f", *(number / length for number in numbers))


def _written(vector: bytes, form: str) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector).decode()
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def _judged(said: str) -> dict[str, Any]:
    named = {category: category.partition("/")[0] in said.lower() for category in CATEGORIES}
    return {
        "flagged": any(named.values()),
        "categories": named,
        "category_scores": {category: 0.9 if flagged else 0.0001 for category, flagged in named.items()},
        "category_applied_input_types": {category: ["text"] for category in named},
    }


def _counted(answer: Mapping[str, Any], count: int) -> Reply:
    return replace(json_reply(200, {}, answer), tokens=count)


def _said(call: Call, body: Mapping[str, Any], prompt: str) -> ModelOutput:
    limit = body.get("max_tokens") or _DEFAULT_MAX_TOKENS
    return generate(Prompt(call.provider, body["model"], prompt, conversation=prompt, max_tokens=limit))


@dataclass(frozen=True, slots=True)
class _Texts:
    """The answers to all prompts."""

    call: Call
    body: Mapping[str, Any]
    said: list[ModelOutput]

    def whole(self) -> dict[str, Any]:
        choices = [_choice(index, one.text, _finish(one)) for index, one in enumerate(self.said)]
        return {**self._envelope(), "choices": choices, "usage": self.usage()}

    def events(self) -> Iterator[bytes]:
        for index, one in enumerate(self.said):
            for piece in one.pieces:
                yield self._event({"choices": [_choice(index, piece, None)]})
            yield self._event({"choices": [_choice(index, "", _finish(one))]})
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield self._event({"choices": [], "usage": self.usage()})
        yield DONE

    def usage(self) -> dict[str, Any]:
        return usage(sum(one.prompt_tokens for one in self.said), sum(one.tokens for one in self.said))

    def _event(self, members: Mapping[str, Any]) -> bytes:
        return sse.encode(orjson.dumps({**self._envelope(), **members}))

    def _envelope(self) -> dict[str, Any]:
        about = {"object": "text_completion", "created": int(self.call.now), "model": self.body["model"]}
        return {"id": f"cmpl-{self.call.id()}", **about}


def _choice(index: int, said: str, finish: str | None) -> dict[str, Any]:
    return {"text": said, "index": index, "logprobs": None, "finish_reason": finish}


def _finish(speech: ModelOutput) -> str:
    return "length" if speech.truncated else "stop"
