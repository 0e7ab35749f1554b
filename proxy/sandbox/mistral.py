"""Simulation of Mistral's API: chat and embeddings. Like the original it rejects unknown members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.chat_rules import check_rules
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
from proxy.sandbox.mistral_embeddings import embed
from proxy.sandbox.mistral_rules import RULES
from proxy.sandbox.model import ModelOutput, ToolCall, generate
from proxy.sandbox.openai_chat import DONE, parse_prompt

MODELS = ("codestral-latest", "ministral-8b-latest", "mistral-large-latest", "mistral-small-latest")

# From the types of Mistral's SDK (3.7). Any other member is a 422.
_PARAMETERS = """
model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools tool_choice
presence_penalty frequency_penalty min_tokens repetition_penalty top_k logprobs top_logprobs prompt_logprobs
top_prompt_logprobs n prediction parallel_tool_calls reasoning_effort prompt_mode guardrails prompt_cache_key
service_tier safe_prompt
"""
_ALLOWED = frozenset(_PARAMETERS.split())
_ROLES: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_FUNCTION = frozenset({"name", "description", "strict", "parameters"})
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 1.5),
    "top_p": (1e-9, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "random_seed": (0, float("inf")),
    "max_tokens": (1, float("inf")),
    "n": (1, 128),
}
_ID = re.compile(r"[A-Za-z0-9]{9}")
_ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Bad request"),
    402: ("payment_required", None, "Payment required"),
    404: ("not_found", None, "Not found"),
    429: ("rate_limited", "1300", "Rate limit exceeded"),
    500: ("internal_server_error", "1000", "Internal server error"),
    503: ("internal_server_proxy_error", "3000", "Service unavailable"),
}


def handle(call: Call) -> Reply:
    """Answer one request as Mistral's API would."""
    if not call.headers.get("Authorization", "").startswith("Bearer "):
        raise SimulatedError(401)
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise SimulatedError(404)
    return with_headers(handler(call), _headers(call))


def render_error(call: Call, error: SimulatedError) -> Reply:
    """Return the error in one of Mistral's three formats, which depend on the status."""
    return json_reply(error.status, _headers(call), _ENVELOPES.get(error.status, _error)(error))


def _error(error: SimulatedError) -> dict[str, Any]:
    fallback = "internal_server_error" if error.status >= 500 else "invalid_request_error"
    kind, code, text = _ERRORS.get(error.status, (fallback, None, f"Status {error.status}"))
    return {
        "object": "error",
        "message": error.message or text,
        "type": kind,
        "param": error.param,
        "code": error.code or code,
        "raw_status_code": error.status,
    }


def _invalid(error: SimulatedError) -> dict[str, Any]:
    steps = [int(step) if step.isdigit() else step for step in (error.param or "").split(".") if step]
    kind, text = error.code or "value_error", error.message or "Value error"
    return {"detail": [{"type": kind, "loc": ["body", *steps], "msg": text}]}


_ENVELOPES: Mapping[int, Callable[[SimulatedError], dict[str, Any]]] = {
    401: lambda error: {"detail": "Unauthorized"},
    422: _invalid,
}


def _chat(call: Call) -> Reply:
    body = parse_json_object(call)
    _check(body)
    completion = _Completion(call, body, generate(parse_prompt(call.provider, body)))
    reply = event_reply(completion.events()) if body.get("stream") else json_reply(200, {}, completion.complete())
    total_tokens = completion.usage()["total_tokens"]
    return replace(with_headers(reply, {"x-ratelimit-tokens-query-cost": str(total_tokens)}), tokens=total_tokens)


def _models(call: Call) -> Reply:
    about = {"object": "model", "created": int(call.now), "owned_by": "mistralai", "type": "base", "aliases": []}
    can = {"completion_chat": True, "function_calling": True, "completion_fim": False, "vision": False}
    models = [{"id": name, **about, "max_context_length": 131072, "capabilities": can} for name in MODELS]
    return json_reply(200, {}, {"object": "list", "data": models})


def _check(body: Mapping[str, Any]) -> None:
    _check_members(body, _ALLOWED, "")
    for name, kind in (("model", str), ("messages", list)):
        if not isinstance(body.get(name), kind):
            raise SimulatedError(422, f"Input should be a valid {kind.__name__}", param=name, code="missing")
    for name, (low, high) in _RANGES.items():
        if body.get(name) is not None and not low <= body[name] <= high:
            raise SimulatedError(422, f"Input should be from {low:g} to {high:g}", param=name, code="out_of_range")
    for number, tool in enumerate(body.get("tools") or ()):
        function = tool.get("function") or {}
        _check_members(function, _FUNCTION, f"tools.{number}.function.")
        if "parameters" not in function:
            raise SimulatedError(422, "Field required", param=f"tools.{number}.function.parameters", code="missing")
    for number, message in enumerate(body["messages"]):
        if message.get("role") not in _ROLES:
            raise SimulatedError(422, f"Input should be one of {', '.join(_ROLES)}", param=f"messages.{number}.role")
        _check_members(message, _ROLES[message["role"]], f"messages.{number}.")
    _check_order(body["messages"])
    _check_ids(body["messages"])
    check_rules(body, RULES)


def _check_members(members: Iterable[str], known: frozenset[str], where: str) -> None:
    for name in members:
        if name not in known:
            raise SimulatedError(422, "Extra inputs are not permitted", param=where + name, code="extra_forbidden")


def _check_order(messages: list[dict[str, Any]]) -> None:
    if not messages:
        raise SimulatedError(400, "Conversation must have at least one message", code="3230")
    roles = [message["role"] for message in messages]
    if ("tool", "user") in pairwise(roles):
        raise SimulatedError(400, "Unexpected role 'user' after role 'tool'", code="3230")
    if roles[-1] == "system" or (roles[-1] == "assistant" and not messages[-1].get("prefix")):
        expected = "Expected last role User or Tool (or Assistant with prefix True)"
        raise SimulatedError(400, f"{expected} but got {roles[-1]}", code="3230")
    for message in messages:
        if message["role"] == "assistant" and not message.get("content") and not message.get("tool_calls"):
            raise SimulatedError(
                400, "Assistant message must have either content or tool_calls, but not none", code="3240"
            )


def _check_ids(messages: list[dict[str, Any]]) -> None:
    called = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    for id in (*called, *answered):
        if not _ID.fullmatch(id):
            message = f"Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9."
            raise SimulatedError(400, message, code="3280")
    if not set(answered) <= set(called):
        raise SimulatedError(400, "Unexpected tool call id in tool results", code="3230")


@dataclass(frozen=True, slots=True)
class _Completion:
    """One answer in Mistral's format."""

    call: Call
    body: Mapping[str, Any]
    output: ModelOutput

    def complete(self) -> dict[str, Any]:
        message = {"role": "assistant", "tool_calls": self._calls() or None, "content": self.output.text}
        choice = {"finish_reason": self._finish(), "message": message}
        choices = [{"index": index, **choice} for index in range(self._n())]
        return {**self._envelope("chat.completion"), "choices": choices, "usage": self.usage()}

    def events(self) -> Iterator[bytes]:
        """Yield the events. Tool calls are complete in one event. The last has the finish reason and the usage."""
        calls = self._calls()
        last = {"content": "", **({"tool_calls": calls} if calls else {})}
        for delta in [{"role": "assistant", "content": ""}, *({"content": piece} for piece in self.output.pieces)]:
            for index in range(self._n()):
                yield self._event(index, delta, None)
        for index in range(self._n() - 1):
            yield self._event(index, last, self._finish())
        yield self._event(self._n() - 1, last, self._finish(), {"usage": self.usage()})
        yield DONE

    def usage(self) -> dict[str, int]:
        prompt_tokens, completion_tokens = self.output.prompt_tokens, self.output.tokens * self._n()
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }

    def _calls(self) -> list[dict[str, Any]]:
        return [self._tool(number, tool_call) for number, tool_call in enumerate(self.output.tool_calls)]

    def _tool(self, number: int, tool_call: ToolCall) -> dict[str, Any]:
        function = {"name": tool_call.name, "arguments": "".join(tool_call.fragments())}
        return {"id": f"{self.call.id(7)}{number:02}", "type": "function", "function": function, "index": number}

    def _finish(self) -> str:
        if self.output.tool_calls:
            return "tool_calls"
        return "length" if self.output.truncated else "stop"

    def _n(self) -> int:
        return self.body.get("n") or 1

    def _event(
        self, index: int, delta: Mapping[str, Any], finish: str | None, more: Mapping[str, Any] | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        chunk = {**self._envelope("chat.completion.chunk"), "choices": [choice], **(more or {})}
        return sse.encode(orjson.dumps(chunk))

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": self.call.id(32), "object": kind, "created": int(self.call.now), "model": self.body["model"]}


def _headers(call: Call) -> dict[str, str]:
    window = call.window
    return {
        "mistral-correlation-id": call.id(32),
        "x-ratelimit-limit-req-minute": str(window.request_limit),
        "x-ratelimit-remaining-req-minute": str(max(0, window.request_limit - window.requests)),
        "x-ratelimit-limit-tokens-minute": str(window.token_limit),
        "x-ratelimit-remaining-tokens-minute": str(max(0, window.token_limit - window.tokens)),
    }


_ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("POST", "/v1/chat/completions"): _chat,
    ("POST", "/v1/embeddings"): embed,
    ("GET", "/v1/models"): _models,
}

SIMULATION = Simulation(base_path="", handle=handle, render_error=render_error)
