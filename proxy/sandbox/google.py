"""Simulation of the Gemini Developer API: contents, their tokens and embeddings, and models."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy.sandbox.contract import (
    Call,
    Reply,
    SimulatedError,
    Simulation,
    check_model,
    event_reply,
    json_reply,
    parse_json_object,
    with_headers,
)
from proxy.sandbox.google_embed import batch_embed_contents, embed_content
from proxy.sandbox.google_request import check_request, parse_prompt, to_camel_case
from proxy.sandbox.google_rules import draws, is_gemini_3_or_later, searches
from proxy.sandbox.model import PIXEL, ModelOutput, ToolCall, count_tokens, generate

MODELS = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview", "gemini-3-pro-preview")

_PATH = re.compile(r"/(?:v1|v1beta|v1alpha)/models(?:/(?P<model>[^:]+))?(?::(?P<method>\w+))?")
_TYPES = "type.googleapis.com/google.rpc."
_ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "Requests without a key are not allowed."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    409: ("ABORTED", "The operation was aborted."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred."),
    501: ("UNIMPLEMENTED", "The operation is not implemented."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The deadline expired before the operation could complete."),
}


def handle(call: Call) -> Reply:
    """Answer one request as the Gemini API would."""
    if not _has_key(call):
        raise SimulatedError(403)
    match = _PATH.fullmatch(call.path)
    handler = _METHODS.get((call.method, bool(match and match["model"]), match["method"])) if match else None
    if match is None or handler is None:
        raise SimulatedError(404)
    check_model(match["model"])
    return with_headers(handler(call, match["model"] or ""), {"x-gemini-service-tier": "standard"})


def render_error(call: Call, error: SimulatedError) -> Reply:
    """Return the error in Google's envelope. A 429 has its retry delay in the details, not in a header."""
    fallback = "UNKNOWN" if error.status >= 500 else "FAILED_PRECONDITION"
    status, text = _ERRORS.get(error.status, (fallback, f"Status {error.status}."))
    body: dict[str, Any] = {"code": error.status, "message": error.message or text, "status": status}
    if error.status == 429:
        body["details"] = _quota(call)
    return json_reply(error.status, {}, {"error": body})


def _quota(call: Call) -> list[dict[str, Any]]:
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
        "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
        "quotaValue": str(call.window.request_limit),
    }
    return [
        {"@type": f"{_TYPES}QuotaFailure", "violations": [violation]},
        {"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{max(0.0, call.window.resets_in_s):.9g}s"},
    ]


def _has_key(call: Call) -> bool:
    bearer = call.headers.get("Authorization", "").startswith("Bearer ")
    return bool(call.headers.get("x-goog-api-key") or call.query.get("key") or bearer)


def _generate(call: Call, model: str) -> Reply:
    answer = _answer(call, model, streamed=False)
    return replace(json_reply(200, {}, answer.complete()), tokens=answer.total_tokens)


def _stream(call: Call, model: str) -> Reply:
    """Stream the answer: as events with `alt=sse`, otherwise as one JSON array, element by element."""
    answer = _answer(call, model, streamed=True)
    frames = [orjson.dumps(one) for one in answer.frames()]
    if call.query.get("alt") == "sse":
        return replace(event_reply(b"data: " + frame + b"\r\n\r\n" for frame in frames), tokens=answer.total_tokens)
    pieces = [b"[" + frames[0], *(b",\r\n" + frame for frame in frames[1:]), b"]"]
    return Reply(200, {"content-type": "application/json"}, tuple(pieces), answer.total_tokens)


def _answer(call: Call, model: str, streamed: bool) -> _Answer:
    body = to_camel_case(parse_json_object(call))
    check_request(body, model, streamed)
    config = body.get("generationConfig") or {}
    output = generate(parse_prompt(call.provider, model, body))
    return _Answer(call, model, output, config.get("candidateCount") or 1, searches(body), draws(body))


def _count_tokens(call: Call, model: str) -> Reply:
    body = to_camel_case(parse_json_object(call))
    body = body.get("generateContentRequest") or body
    check_request(body, model, False)
    count = count_tokens(parse_prompt(call.provider, model, body).conversation)
    return json_reply(200, {}, {"totalTokens": count, "promptTokensDetails": _details(count)})


def _models(call: Call, model: str) -> Reply:
    return json_reply(200, {}, {"models": [_model_info(name) for name in MODELS]})


def _model(call: Call, model: str) -> Reply:
    if model not in MODELS:
        raise SimulatedError(404, f"models/{model} is not found.")
    return json_reply(200, {}, _model_info(model))


def _model_info(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "description": "A simulated model.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer in Gemini's format. Each frame of a stream has the format of a complete response."""

    call: Call
    model: str
    output: ModelOutput
    candidates: int
    searches: bool
    draws: bool
    """Whether it is a picture: one green pixel."""

    @property
    def total_tokens(self) -> int:
        return self.output.prompt_tokens + self.output.tokens * self.candidates

    def complete(self) -> dict[str, Any]:
        if self.draws:
            return self._response([{"inlineData": {"mimeType": "image/png", "data": PIXEL}}], "STOP")
        text = [{"text": self.output.text}] if self.output.pieces else []
        return self._response([*text, *self._calls()], self._finish())

    def frames(self) -> Iterator[dict[str, Any]]:
        for part in [*({"text": piece} for piece in self.output.pieces), *self._calls()]:
            yield self._response([part], None)
        yield self._response([{"text": ""}], self._finish())

    def _calls(self) -> list[dict[str, Any]]:
        """Return the function calls as parts. The first has a thought signature."""
        function_calls = [self._call(number, tool_call) for number, tool_call in enumerate(self.output.tool_calls)]
        calls: list[dict[str, Any]] = [{"functionCall": call} for call in function_calls]
        if calls:
            calls[0]["thoughtSignature"] = base64.b64encode(self.call.id().encode()).decode()
        return calls

    def _call(self, number: int, tool_call: ToolCall) -> dict[str, Any]:
        id = {"id": f"{self.call.id(6)}{number:02}"} if is_gemini_3_or_later(self.model) else {}
        return {**id, "name": tool_call.name, "args": tool_call.arguments}

    def _grounding(self) -> dict[str, Any]:
        """Return the metadata of a search: one page, cited for the whole answer. Google counts in bytes."""
        segment = {"startIndex": 0, "endIndex": len(self.output.text.encode()), "text": self.output.text}
        return {
            "webSearchQueries": ["parrots"],
            "groundingChunks": [{"web": {"uri": "https://example.com/parrots", "title": "Parrots"}}],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
        }

    def _finish(self) -> str:
        return "MAX_TOKENS" if self.output.truncated else "STOP"

    def _response(self, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
        candidate = {"content": {"parts": parts, "role": "model"}, **({"finishReason": finish} if finish else {})}
        if finish and self.searches:
            candidate["groundingMetadata"] = self._grounding()
        prompt_tokens = self.output.prompt_tokens
        counts = {
            "promptTokenCount": prompt_tokens,
            "promptTokensDetails": _details(prompt_tokens),
            "totalTokenCount": prompt_tokens,
        }
        if finish:
            final = {"candidatesTokenCount": self.output.tokens * self.candidates, "totalTokenCount": self.total_tokens}
            counts |= final
        return {
            "candidates": [{**candidate, "index": index} for index in range(self.candidates)],
            "usageMetadata": counts,
            "modelVersion": self.model,
            "responseId": self.call.id(22),
        }


def _details(count: int) -> list[dict[str, Any]]:
    return [{"modality": "TEXT", "tokenCount": count}]


_METHODS: Mapping[tuple[str, bool, str | None], Callable[[Call, str], Reply]] = {
    ("POST", True, "generateContent"): _generate,
    ("POST", True, "streamGenerateContent"): _stream,
    ("POST", True, "countTokens"): _count_tokens,
    ("POST", True, "embedContent"): embed_content,
    ("POST", True, "batchEmbedContents"): batch_embed_contents,
    ("GET", False, None): _models,
    ("GET", True, None): _model,
}
"""(HTTP method, whether the path names a model, Google's method) -> handler."""

SIMULATION = Simulation(base_path="", handle=handle, render_error=render_error)
