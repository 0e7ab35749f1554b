"""Simulation of OpenAI's other endpoints: embeddings, images, moderations and legacy completions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import Call, Reply, SimulatedError, event_reply, json_reply
from proxy.sandbox.limits import MAX_TEXTS, check_length
from proxy.sandbox.model import ModelOutput, Prompt, count_tokens, generate
from proxy.sandbox.openai_chat import DONE, content_text, usage
from proxy.sandbox.vectors import as_base64, as_numbers, unit_vector

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

_DIMENSIONS: Mapping[str, int] = {"text-embedding-3-large": 3072}
_FIXED_DIMENSIONS = frozenset({"text-embedding-ada-002"})
_DEFAULT_DIMENSIONS = 1536
_DEFAULT_MAX_TOKENS = 16


def embeddings(call: Call, body: Mapping[str, Any]) -> Reply:
    """Return a unit vector for each input. Equal texts get equal vectors."""
    inputs = _inputs(body["input"], "input")
    if len(inputs) > MAX_TEXTS or not all(inputs):
        raise SimulatedError(400, f"'input' must be 1 to {MAX_TEXTS} texts, none empty.", param="input")
    size = _dimensions(body)
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise SimulatedError(400, "'encoding_format' must be float or base64.", param="encoding_format")
    encode = as_base64 if form == "base64" else as_numbers
    data = [
        {"object": "embedding", "index": index, "embedding": encode(unit_vector(text, size))}
        for index, text in enumerate(inputs)
    ]
    prompt_tokens = sum(map(count_tokens, inputs))
    counts = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    return _charged_reply({"object": "list", "data": data, "model": body["model"], "usage": counts}, prompt_tokens)


def _dimensions(body: Mapping[str, Any]) -> int:
    """Return the length of the vectors. Raises SimulatedError if the model has none that are so long."""
    model, requested = body["model"], body.get("dimensions")
    longest = _DIMENSIONS.get(model, _DEFAULT_DIMENSIONS)
    if requested is None:
        return longest
    if model in _FIXED_DIMENSIONS:
        raise SimulatedError(400, "This model does not support specifying dimensions.")
    if requested > longest:
        raise SimulatedError(
            400, f"Invalid value for 'dimensions' = {requested}. Must be less than or equal to {longest}."
        )
    return int(requested)


def moderations(call: Call, body: Mapping[str, Any]) -> Reply:
    """Flag each text for the categories that it mentions."""
    check_length(body, "input", MAX_TEXTS)
    inputs = body["input"]
    texts = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(texts[0], str):
        texts = [content_text(texts)]
    model = body.get("model") or "omni-moderation-latest"
    return json_reply(200, {}, {"id": f"modr-{call.id()}", "model": model, "results": list(map(_moderate, texts))})


def completions(call: Call, body: Mapping[str, Any]) -> Reply:
    """Complete each prompt with text, as one body or as events."""
    prompts, n = _inputs(body["prompt"], "prompt"), body.get("n") or 1
    _check_choices(body, len(prompts) * n)
    outputs = [_complete_prompt(call, body, prompt) for prompt in prompts for _ in range(n)]
    completion = _TextCompletion(call, body, outputs)
    reply = event_reply(completion.events()) if body.get("stream") else json_reply(200, {}, completion.complete())
    return replace(reply, tokens=completion.usage()["total_tokens"])


def _check_choices(body: Mapping[str, Any], count: int) -> None:
    """Raise SimulatedError for too many choices over all prompts, or for more than are generated."""
    if count > MAX_TEXTS:
        raise SimulatedError(400, f"'prompt' and 'n' ask for {count} choices: {MAX_TEXTS} at most.", param="n")
    n, best_of = body.get("n") or 1, body.get("best_of")
    if best_of is not None and best_of < n:
        what = "You requested that the server return more choices than it will generate (HINT: you must set 'n'"
        raise SimulatedError(400, f"{what} (currently {n}) to be at most 'best_of' (currently {best_of})).")


def _inputs(value: Any, name: str) -> list[str]:
    """Return the texts of an input: a string, a list of strings, or token numbers, which are joined to a text."""
    if isinstance(value, str):
        return [value]
    if all(isinstance(one, int) for one in value):
        return [" ".join(map(str, value))]
    if not all(isinstance(one, str | list) for one in value):
        raise SimulatedError(400, f"'{name}' must be a string, tokens, or an array of either.", param=name)
    return [one if isinstance(one, str) else " ".join(map(str, one)) for one in value]


def _moderate(text: str) -> dict[str, Any]:
    mentioned = {category: category.partition("/")[0] in text.lower() for category in CATEGORIES}
    return {
        "flagged": any(mentioned.values()),
        "categories": mentioned,
        "category_scores": {category: 0.9 if flagged else 0.0001 for category, flagged in mentioned.items()},
        "category_applied_input_types": {category: ["text"] for category in mentioned},
    }


def _charged_reply(answer: Mapping[str, Any], count: int) -> Reply:
    return replace(json_reply(200, {}, answer), tokens=count)


def _complete_prompt(call: Call, body: Mapping[str, Any], prompt: str) -> ModelOutput:
    limit = body.get("max_tokens") or _DEFAULT_MAX_TOKENS
    return generate(Prompt(call.provider, body["model"], prompt, conversation=prompt, max_tokens=limit))


@dataclass(frozen=True, slots=True)
class _TextCompletion:
    """The answers to all prompts of one request."""

    call: Call
    body: Mapping[str, Any]
    outputs: list[ModelOutput]

    def complete(self) -> dict[str, Any]:
        choices = [_choice(index, one.text, _finish(one)) for index, one in enumerate(self.outputs)]
        return {**self._envelope(), "choices": choices, "usage": self.usage()}

    def events(self) -> Iterator[bytes]:
        for index, one in enumerate(self.outputs):
            for piece in one.pieces:
                yield self._event({"choices": [_choice(index, piece, None)]})
            yield self._event({"choices": [_choice(index, "", _finish(one))]})
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield self._event({"choices": [], "usage": self.usage()})
        yield DONE

    def usage(self) -> dict[str, Any]:
        return usage(sum(one.prompt_tokens for one in self.outputs), sum(one.tokens for one in self.outputs))

    def _event(self, members: Mapping[str, Any]) -> bytes:
        return sse.encode(orjson.dumps({**self._envelope(), **members}))

    def _envelope(self) -> dict[str, Any]:
        about = {"object": "text_completion", "created": int(self.call.now), "model": self.body["model"]}
        return {"id": f"cmpl-{self.call.id()}", **about}


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _finish(output: ModelOutput) -> str:
    return "length" if output.truncated else "stop"
