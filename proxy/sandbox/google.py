"""The Gemini Developer API, simulated."""

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
    event_reply,
    json_reply,
    parse_json_object,
    with_headers,
)
from proxy.sandbox.google_request import check_request, is_gemini_3_or_later, parse_prompt, to_camel_case
from proxy.sandbox.model import ModelOutput, ToolCall, count_tokens, generate

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
    """What Gemini would answer."""
    if not _has_key(call):
        raise SimulatedError(403)
    found = _PATH.fullmatch(call.path)
    handler = _METHODS.get((call.method, bool(found and found["model"]), found["method"])) if found else None
    if found is None or handler is None:
        raise SimulatedError(404)
    return with_headers(handler(call, found["model"] or ""), {"x-gemini-service-tier": "standard"})


def render_error(call: Call, rejected: SimulatedError) -> Reply:
    """The error; over the quota it says in its details, and in no header, when to come again."""
    fallback = "UNKNOWN" if rejected.status >= 500 else "FAILED_PRECONDITION"
    status, words = _ERRORS.get(rejected.status, (fallback, f"Status {rejected.status}."))
    error: dict[str, Any] = {"code": rejected.status, "message": rejected.message or words, "status": status}
    if rejected.status == 429:
        error["details"] = _quota(call)
    return json_reply(rejected.status, {}, {"error": error})


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
    made = _made(call, model, streamed=False)
    return replace(json_reply(200, {}, made.whole()), tokens=made.spent)


def _stream(call: Call, model: str) -> Reply:
    """Events with `alt=sse`, else one JSON array that grows."""
    made = _made(call, model, streamed=True)
    frames = [orjson.dumps(one) for one in made.frames()]
    if call.query.get("alt") == "sse":
        return replace(event_reply(b"data: " + frame + b"\r\n\r\n" for frame in frames), tokens=made.spent)
    pieces = [b"[" + frames[0], *(b",\r\n" + frame for frame in frames[1:]), b"]"]
    return Reply(200, {"content-type": "application/json"}, tuple(pieces), made.spent)


def _made(call: Call, model: str, streamed: bool) -> _Answer:
    body = to_camel_case(parse_json_object(call))
    check_request(body, model, streamed)
    config = body.get("generationConfig") or {}
    return _Answer(call, model, generate(parse_prompt(call.provider, model, body)), config.get("candidateCount") or 1)


def _count_tokens(call: Call, model: str) -> Reply:
    body = to_camel_case(parse_json_object(call))
    body = body.get("generateContentRequest") or body
    check_request(body, model, False)
    count = count_tokens(parse_prompt(call.provider, model, body).conversation)
    return json_reply(200, {}, {"totalTokens": count, "promptTokensDetails": _details(count)})


def _models(call: Call, model: str) -> Reply:
    return json_reply(200, {}, {"models": [_about(name) for name in MODELS]})


def _model(call: Call, model: str) -> Reply:
    if model not in MODELS:
        raise SimulatedError(404, f"models/{model} is not found.")
    return json_reply(200, {}, _about(model))


def _about(name: str) -> dict[str, Any]:
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
    """One answer, whole or in the pieces that a stream sends: each has the shape of the whole."""

    call: Call
    model: str
    speech: ModelOutput
    candidates: int

    @property
    def spent(self) -> int:
        return self.speech.prompt_tokens + self.speech.tokens * self.candidates

    def whole(self) -> dict[str, Any]:
        text = [{"text": self.speech.text}] if self.speech.pieces else []
        return self._response([*text, *self._calls()], self._finish())

    def frames(self) -> Iterator[dict[str, Any]]:
        for part in [*({"text": piece} for piece in self.speech.pieces), *self._calls()]:
            yield self._response([part], None)
        yield self._response([{"text": ""}], self._finish())

    def _calls(self) -> list[dict[str, Any]]:
        """The first is signed, as what the model thought before it."""
        called = [self._call(number, use) for number, use in enumerate(self.speech.tool_calls)]
        calls: list[dict[str, Any]] = [{"functionCall": call} for call in called]
        if calls:
            calls[0]["thoughtSignature"] = base64.b64encode(self.call.id().encode()).decode()
        return calls

    def _call(self, number: int, use: ToolCall) -> dict[str, Any]:
        id = {"id": f"{self.call.id(6)}{number:02}"} if is_gemini_3_or_later(self.model) else {}
        return {**id, "name": use.name, "args": use.arguments}

    def _finish(self) -> str:
        return "MAX_TOKENS" if self.speech.truncated else "STOP"

    def _response(self, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
        candidate = {"content": {"parts": parts, "role": "model"}, **({"finishReason": finish} if finish else {})}
        heard = self.speech.prompt_tokens
        counts = {"promptTokenCount": heard, "promptTokensDetails": _details(heard), "totalTokenCount": heard}
        if finish:
            said = {"candidatesTokenCount": self.speech.tokens * self.candidates, "totalTokenCount": self.spent}
            counts |= said
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
    ("GET", False, None): _models,
    ("GET", True, None): _model,
}
"""HTTP's method, whether a model is named, and Google's method."""

SIMULATION = Simulation(base_path="", handle=handle, render_error=render_error)
