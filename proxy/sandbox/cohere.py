"""Cohere's v2 chat, simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from proxy import sse
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
from proxy.sandbox.model import ModelOutput, Prompt, ToolCall, generate

MODELS = ("command-a-03-2025", "command-a-reasoning-08-2025", "command-r-08-2024", "command-r7b-12-2024")

# Named in the signature of Cohere's own client (7.3).
_PARAMETERS = """
model messages tools strict_tools documents citation_options response_format safety_mode max_tokens stop_sequences
temperature seed frequency_penalty presence_penalty k p logprobs tool_choice thinking priority stream
"""
_KNOWN = frozenset(_PARAMETERS.split())
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
_MOST_STOPS = 5
_MONTHLY = 1_000
_ERRORS: Mapping[int, str] = {
    401: "no api key supplied",
    404: "not found",
    429: "You are using a Trial key, which is limited to so many calls a minute.",
    498: "invalid token",
    500: "internal server error",
    503: "service unavailable",
}


def handle(call: Call) -> Reply:
    """What Cohere would answer."""
    if not call.headers.get("Authorization", "").lower().startswith("bearer "):
        raise SimulatedError(401)
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise SimulatedError(404)
    left = max(0, call.window.request_limit - call.window.requests)
    allowance = {
        "x-endpoint-monthly-call-limit": str(_MONTHLY),
        "x-trial-endpoint-call-limit": str(call.window.request_limit),
        "x-trial-endpoint-call-remaining": str(left),
    }
    return with_headers(handler(call), {**_headers(call), **allowance})


def render_error(call: Call, rejected: SimulatedError) -> Reply:
    """The error; the allowance is not told with it."""
    words = rejected.message or _ERRORS.get(rejected.status, f"status {rejected.status}")
    return json_reply(rejected.status, _headers(call), {"id": _id(call), "message": words})


def _chat(call: Call) -> Reply:
    body = parse_json_object(call)
    _check(body)
    made = _Answer(call, generate(_prompt(call.provider, body)))
    reply = event_reply(made.events()) if body.get("stream") else json_reply(200, {}, made.whole())
    return replace(reply, tokens=made.speech.prompt_tokens + made.speech.tokens)


def _models(call: Call) -> Reply:
    models = [{"name": name, "endpoints": ["chat"], "context_length": 128_000.0} for name in MODELS]
    return json_reply(200, {}, {"models": models})


def _check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in _KNOWN:
            raise SimulatedError(400, f"unknown field: parameter '{name}' is not a valid field")
    for name, kind in _REQUIRED.items():
        if not body.get(name) or not isinstance(body[name], kind):
            raise SimulatedError(400, f"invalid request: '{name}' must be a {kind.__name__} and not empty")
    for name, (least, most) in _RANGES.items():
        if body.get(name) is not None and not least <= body[name] <= most:
            raise SimulatedError(400, f"invalid request: '{name}' must be between {least:g} and {most:g}")
    for rule, message in _RULES:
        if rule(body):
            raise SimulatedError(400, f"invalid request: {message}")


def _misplaced(body: Mapping[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"][1:])


def _unanswered(body: Mapping[str, Any]) -> bool:
    called = {call["id"] for message in body["messages"] for call in message.get("tool_calls") or ()}
    return any(one["role"] == "tool" and one["tool_call_id"] not in called for one in body["messages"])


def _format(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("response_format") or {}


_RULES: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (lambda body: any(one["role"] not in _ROLES for one in body["messages"]), "a message has an unknown role"),
    (_misplaced, "a system message must be the first"),
    (
        lambda body: body["messages"][-1]["role"] not in ("user", "tool"),
        "the last message must be of user or tool",
    ),
    (_unanswered, "a tool message answers no call"),
    (lambda body: len(body.get("stop_sequences") or ()) > _MOST_STOPS, f"stop_sequences: {_MOST_STOPS} at most"),
    (lambda body: bool(body.get("frequency_penalty") and body.get("presence_penalty")), "one penalty at most"),
    (lambda body: body.get("tool_choice") not in (None, "REQUIRED", "NONE"), "tool_choice must be REQUIRED or NONE"),
    (lambda body: bool(body.get("tool_choice")) and not body.get("tools"), "tool_choice needs tools"),
    (lambda body: _format(body).get("type", "text") not in ("text", "json_object"), "response_format has no such type"),
    (lambda body: _format(body).get("type") == "json_object" and bool(body.get("tools")), "JSON or tools, not both"),
)
"""What may not be -> how it is said."""


def _prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    messages, choice = body["messages"], body.get("tool_choice")
    functions = [tool["function"] for tool in body.get("tools") or ()]
    said = [_text(message.get("content")) for message in messages]
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next((text for one, text in zip(messages[::-1], said[::-1], strict=True) if one["role"] == "user"), ""),
        conversation="\n".join(said),
        tool_result=said[-1] if messages[-1]["role"] == "tool" else None,
        tools={} if choice == "NONE" else {one["name"]: one.get("parameters") or {} for one in functions},
        tool_required=choice == "REQUIRED",
        max_tokens=body.get("max_tokens"),
    )


def _text(content: Any) -> str:
    """The text of a string, or of parts, documents among them."""
    if not content or isinstance(content, str):
        return content or ""
    return "".join(str(part.get("text") or (part.get("document") or {}).get("data") or "") for part in content)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer, whole or as events."""

    call: Call
    speech: ModelOutput

    def whole(self) -> dict[str, Any]:
        calls = [self._tool(number, use) for number, use in enumerate(self.speech.tool_calls)]
        said: dict[str, Any] = {"content": [{"type": "text", "text": self.speech.text}]}
        message = {"role": "assistant", **({"tool_plan": self._plan(), "tool_calls": calls} if calls else said)}
        return {"id": _id(self.call), "message": message, **self._end()}

    def events(self) -> Iterator[bytes]:
        start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield _event("message-start", id=_id(self.call), delta={"message": start})
        yield from self._called() if self.speech.tool_calls else self._said()
        yield _event("message-end", delta=self._end())

    def _said(self) -> Iterator[bytes]:
        opened = {"content": {"type": "text", "text": ""}}
        yield _event("content-start", index=0, delta={"message": opened})
        for piece in self.speech.pieces:
            yield _event("content-delta", index=0, delta={"message": {"content": {"text": piece}}})
        yield _event("content-end", index=0)

    def _called(self) -> Iterator[bytes]:
        yield _event("tool-plan-delta", delta={"message": {"tool_plan": self._plan()}})
        for index, use in enumerate(self.speech.tool_calls):
            opened = self._tool(index, use)
            opened["function"]["arguments"] = ""
            yield _event("tool-call-start", index=index, delta={"message": {"tool_calls": opened}})
            for fragment in use.fragments():
                grown = {"tool_calls": {"function": {"arguments": fragment}}}
                yield _event("tool-call-delta", index=index, delta={"message": grown})
            yield _event("tool-call-end", index=index)

    def _plan(self) -> str:
        return f"I will use {' and '.join(use.name for use in self.speech.tool_calls)}."

    def _tool(self, number: int, use: ToolCall) -> dict[str, Any]:
        function = {"name": use.name, "arguments": "".join(use.fragments())}
        return {"id": f"{use.name}_{self.call.id(10)}{number:02}", "type": "function", "function": function}

    def _end(self) -> dict[str, Any]:
        reason = "TOOL_CALL" if self.speech.tool_calls else "MAX_TOKENS" if self.speech.truncated else "COMPLETE"
        counts = {"input_tokens": float(self.speech.prompt_tokens), "output_tokens": float(self.speech.tokens)}
        return {"finish_reason": reason, "usage": {"billed_units": counts, "tokens": counts}}


def _event(kind: str, **members: Any) -> bytes:
    return sse.encode(orjson.dumps({"type": kind, **members}), kind)


def _id(call: Call) -> str:
    return str(UUID(hex=call.id(32)))


def _headers(call: Call) -> dict[str, str]:
    return {"x-debug-trace-id": call.id(32)}


_ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("POST", "/v2/chat"): _chat,
    ("GET", "/v1/models"): _models,
}

SIMULATION = Simulation(base_path="", handle=handle, render_error=render_error)
