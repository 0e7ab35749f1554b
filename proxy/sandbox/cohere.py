"""Simulation of Cohere's v2 API: `/v2/chat`, `/v2/embed` and `/v1/models`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from proxy import sse
from proxy.sandbox.cohere_embed import embed
from proxy.sandbox.cohere_rules import RULES
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
from proxy.sandbox.model import ANY_JSON, ModelOutput, Prompt, ToolCall, generate

MODELS = ("command-a-03-2025", "command-a-reasoning-08-2025", "command-r-08-2024", "command-r7b-12-2024")

# From the signature of Cohere's client (7.3). Cohere rejects other members as well.
_PARAMETERS = """
model messages tools strict_tools documents citation_options response_format safety_mode max_tokens stop_sequences
temperature seed frequency_penalty presence_penalty k p logprobs tool_choice thinking priority stream
"""
_ALLOWED = frozenset(_PARAMETERS.split())
_REQUIRED: Mapping[str, type] = {"model": str, "messages": list}
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 1),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "frequency_penalty": (0, 1),
    "presence_penalty": (0, 1),
    "seed": (0, 2**64 - 1),
    "max_tokens": (1, float("inf")),
}
_MAX_STOPS = 5
_MONTHLY_LIMIT = 1_000
_ERRORS: Mapping[int, str] = {
    401: "no api key supplied",
    404: "not found",
    429: "You are using a Trial key, which is limited in calls per minute.",
    498: "invalid token",
    500: "internal server error",
    503: "service unavailable",
}


def handle(call: Call) -> Reply:
    """Answer one request as Cohere's API would."""
    if not call.headers.get("Authorization", "").lower().startswith("bearer "):
        raise SimulatedError(401)
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise SimulatedError(404)
    remaining = max(0, call.window.request_limit - call.window.requests)
    rate_limit = {
        "x-endpoint-monthly-call-limit": str(_MONTHLY_LIMIT),
        "x-trial-endpoint-call-limit": str(call.window.request_limit),
        "x-trial-endpoint-call-remaining": str(remaining),
    }
    return with_headers(handler(call), {**_headers(call), **rate_limit})


def render_error(call: Call, error: SimulatedError) -> Reply:
    """Return the error in Cohere's format, without rate-limit headers."""
    text = error.message or _ERRORS.get(error.status, f"status {error.status}")
    return json_reply(error.status, _headers(call), {"id": _id(call), "message": text})


def _chat(call: Call) -> Reply:
    body = parse_json_object(call)
    _check(body)
    answer = _Answer(call, generate(_prompt(call.provider, body)))
    reply = event_reply(answer.events()) if body.get("stream") else json_reply(200, {}, answer.complete())
    return replace(reply, tokens=answer.output.prompt_tokens + answer.output.tokens)


def _models(call: Call) -> Reply:
    models = [{"name": name, "endpoints": ["chat"], "context_length": 128_000.0} for name in MODELS]
    return json_reply(200, {}, {"models": models})


def _check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in _ALLOWED:
            raise SimulatedError(400, f"unknown field: parameter '{name}' is not a valid field")
    for name, kind in _REQUIRED.items():
        if not body.get(name) or not isinstance(body[name], kind):
            raise SimulatedError(400, f"invalid request: '{name}' must be a {kind.__name__} and not empty")
    for name, (low, high) in _RANGES.items():
        if body.get(name) is not None and not low <= body[name] <= high:
            raise SimulatedError(400, f"invalid request: '{name}' must be between {low:g} and {high:g}")
    for rule, message in (*_RULES, *RULES):
        if rule(body):
            raise SimulatedError(400, f"invalid request: {message}")


def _has_late_system_message(body: Mapping[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"][1:])


def _has_unknown_tool_call_id(body: Mapping[str, Any]) -> bool:
    called = {call["id"] for message in body["messages"] for call in message.get("tool_calls") or ()}
    return any(one["role"] == "tool" and one["tool_call_id"] not in called for one in body["messages"])


def _format(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("response_format") or {}


_RULES: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (lambda body: any(one["role"] not in _ROLES for one in body["messages"]), "a message has an unknown role"),
    (_has_late_system_message, "a system message must be the first"),
    (
        lambda body: body["messages"][-1]["role"] not in ("user", "tool"),
        "the last message must be of user or tool",
    ),
    (_has_unknown_tool_call_id, "a tool message has an unknown tool_call_id"),
    (lambda body: len(body.get("stop_sequences") or ()) > _MAX_STOPS, f"at most {_MAX_STOPS} stop_sequences"),
    (
        lambda body: bool(body.get("frequency_penalty") and body.get("presence_penalty")),
        "only one of frequency_penalty and presence_penalty",
    ),
    (lambda body: body.get("tool_choice") not in (None, "REQUIRED", "NONE"), "tool_choice must be REQUIRED or NONE"),
    (lambda body: bool(body.get("tool_choice")) and not body.get("tools"), "tool_choice needs tools"),
    (lambda body: _format(body).get("type", "text") not in ("text", "json_object"), "unknown type of response_format"),
    (
        lambda body: _format(body).get("type") == "json_object" and bool(body.get("tools")),
        "tools cannot be used with JSON mode",
    ),
)
"""Pairs of a check, which is true for an invalid body, and the error message."""


def _prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    messages, choice = body["messages"], body.get("tool_choice")
    functions = [tool["function"] for tool in body.get("tools") or ()]
    texts = [_text(message.get("content")) for message in messages]
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next((text for one, text in zip(messages[::-1], texts[::-1], strict=True) if one["role"] == "user"), ""),
        conversation="\n".join(texts),
        tool_result=texts[-1] if messages[-1]["role"] == "tool" else None,
        tools={} if choice == "NONE" else {one["name"]: one.get("parameters") or {} for one in functions},
        tool_required=choice == "REQUIRED",
        schema=_format(body).get("json_schema") or ANY_JSON if _format(body).get("type") == "json_object" else None,
        max_tokens=body.get("max_tokens"),
    )


def _text(content: Any) -> str:
    """Return the text of a content: a string, or a list of text and document parts."""
    if not content or isinstance(content, str):
        return content or ""
    return "".join(str(part.get("text") or (part.get("document") or {}).get("data") or "") for part in content)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer in Cohere's format."""

    call: Call
    output: ModelOutput

    def complete(self) -> dict[str, Any]:
        calls = [self._tool(number, tool_call) for number, tool_call in enumerate(self.output.tool_calls)]
        text: dict[str, Any] = {"content": [{"type": "text", "text": self.output.text}]}
        message = {"role": "assistant", **({"tool_plan": self._plan(), "tool_calls": calls} if calls else text)}
        return {"id": _id(self.call), "message": message, **self._end()}

    def events(self) -> Iterator[bytes]:
        start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield _event("message-start", id=_id(self.call), delta={"message": start})
        yield from self._tool_call_events() if self.output.tool_calls else self._text_events()
        yield _event("message-end", delta=self._end())

    def _text_events(self) -> Iterator[bytes]:
        started = {"content": {"type": "text", "text": ""}}
        yield _event("content-start", index=0, delta={"message": started})
        for piece in self.output.pieces:
            yield _event("content-delta", index=0, delta={"message": {"content": {"text": piece}}})
        yield _event("content-end", index=0)

    def _tool_call_events(self) -> Iterator[bytes]:
        yield _event("tool-plan-delta", delta={"message": {"tool_plan": self._plan()}})
        for index, tool_call in enumerate(self.output.tool_calls):
            started = self._tool(index, tool_call)
            started["function"]["arguments"] = ""
            yield _event("tool-call-start", index=index, delta={"message": {"tool_calls": started}})
            for fragment in tool_call.fragments():
                delta = {"tool_calls": {"function": {"arguments": fragment}}}
                yield _event("tool-call-delta", index=index, delta={"message": delta})
            yield _event("tool-call-end", index=index)

    def _plan(self) -> str:
        return f"I will use {' and '.join(tool_call.name for tool_call in self.output.tool_calls)}."

    def _tool(self, number: int, tool_call: ToolCall) -> dict[str, Any]:
        function = {"name": tool_call.name, "arguments": "".join(tool_call.fragments())}
        return {"id": f"{tool_call.name}_{self.call.id(10)}{number:02}", "type": "function", "function": function}

    def _end(self) -> dict[str, Any]:
        reason = "TOOL_CALL" if self.output.tool_calls else "MAX_TOKENS" if self.output.truncated else "COMPLETE"
        counts = {"input_tokens": float(self.output.prompt_tokens), "output_tokens": float(self.output.tokens)}
        return {"finish_reason": reason, "usage": {"billed_units": counts, "tokens": counts}}


def _event(kind: str, **members: Any) -> bytes:
    return sse.encode(orjson.dumps({"type": kind, **members}), kind)


def _id(call: Call) -> str:
    return str(UUID(hex=call.id(32)))


def _headers(call: Call) -> dict[str, str]:
    return {"x-debug-trace-id": call.id(32)}


_ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("POST", "/v2/chat"): _chat,
    ("POST", "/v2/embed"): embed,
    ("GET", "/v1/models"): _models,
}

SIMULATION = Simulation(base_path="", handle=handle, render_error=render_error)
