"""OpenAI's chat completions, simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.contract import EVENT_STREAM, Call, Rejected, Reply, Simulation, json_reply, parsed
from proxy.sandbox.speech import Prompt, Speech, ToolUse, speak

SNAPSHOTS: Mapping[str, str] = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o3": "o3-2025-04-16",
}
"""A name without a date -> the name the answer carries; any other name is answered as it was asked."""

# Named in the types of OpenAI's own SDK (3.54); any other is refused there too.
_PARAMETERS = """
audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages metadata
modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options
prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream
stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options
"""
_KNOWN = frozenset(_PARAMETERS.split())
_REQUIRED: Mapping[str, tuple[type, str]] = {"model": (str, "a string"), "messages": (list, "an array of messages")}
_MOST_CHOICES = 128
_ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    401: ("invalid_request_error", "invalid_api_key", "No key was given: send it as Authorization: Bearer."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Not from where you are."),
    429: ("requests", "rate_limit_exceeded", "Too many requests for this minute."),
    500: ("server_error", None, "The server had an error."),
    503: ("server_error", "server_is_overloaded", "The server is overloaded."),
}


def answer(call: Call) -> Reply:
    """What OpenAI would answer."""
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise Rejected(404, f"Invalid URL ({call.method} {call.path})")
    if not call.headers.get("Authorization", "").startswith("Bearer "):
        raise Rejected(401)
    return handler(call)


def reject(call: Call, rejected: Rejected) -> Reply:
    """The error envelope."""
    fallback = "server_error" if rejected.status >= 500 else "invalid_request_error"
    kind, code, words = _ERRORS.get(rejected.status, (fallback, None, f"Status {rejected.status}."))
    error = {"message": rejected.message or words, "type": kind, "param": rejected.param, "code": rejected.code or code}
    return json_reply(rejected.status, _headers(call), {"error": error})


def _chat(call: Call) -> Reply:
    body = parsed(call)
    _check(body)
    completion = _Completion(call, body, speak(prompt(call.provider, body)))
    if body.get("stream"):
        headers = {**_headers(call), "content-type": EVENT_STREAM, "cache-control": "no-cache"}
        reply = Reply(200, headers, tuple(completion.events()))
    else:
        reply = json_reply(200, _headers(call), completion.whole())
    return replace(reply, tokens=completion.usage()["total_tokens"])


def _models(call: Call) -> Reply:
    names = sorted({*SNAPSHOTS, *SNAPSHOTS.values()})
    models = [{"id": name, "object": "model", "created": int(call.now), "owned_by": call.provider} for name in names]
    return json_reply(200, _headers(call), {"object": "list", "data": models})


def _check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in _KNOWN:
            raise Rejected(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for name, (kind, words) in _REQUIRED.items():
        if not body.get(name):
            raise Rejected(400, f"Missing parameter: '{name}'.", param=name, code="missing_required_parameter")
        if not isinstance(body[name], kind):
            raise Rejected(400, f"'{name}' must be {words}.", param=name, code="invalid_type")
    for name in ("n", "max_tokens", "max_completion_tokens"):
        if body.get(name) is not None and (not isinstance(body[name], int) or body[name] < 1):
            raise Rejected(400, f"'{name}' must be a whole number from 1.", param=name, code="integer_below_min_value")
    if (body.get("n") or 1) > _MOST_CHOICES:
        raise Rejected(400, f"'n' is {_MOST_CHOICES} at most.", param="n", code="integer_above_max_value")
    for number, message in enumerate(body["messages"]):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Rejected(400, "Each message is an object with a role.", param=f"messages[{number}]")


def prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    """What of an OpenAI-shaped request decides the answer."""
    messages = body["messages"]
    tools, forced = _tools(body)
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next((_text(one) for one in reversed(messages) if one["role"] == "user"), ""),
        heard="\n".join(map(_text, messages)),
        result=_text(messages[-1]) if messages[-1]["role"] in ("tool", "function") else None,
        tools=tools,
        forced=forced,
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
    )


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    parts = [content] if isinstance(content, str) else content
    return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)


def _tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """The tools that may be called, and whether one must be."""
    functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
    tools = {str(one.get("name")): one.get("parameters") or {} for one in functions}
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        return {name: tools[name]} if name in tools else {}, True
    return ({} if choice == "none" else tools), choice == "required"


@dataclass(frozen=True, slots=True)
class _Completion:
    """One answer, whole or as events."""

    call: Call
    body: Mapping[str, Any]
    speech: Speech

    def whole(self) -> dict[str, Any]:
        calls = [self._tool(number, use) for number, use in enumerate(self.speech.tools)]
        message = {
            "role": "assistant",
            "content": self.speech.text if not calls else None,
            "refusal": None,
            "annotations": [],
            **({"tool_calls": calls} if calls else {}),
        }
        choice = {"message": message, "logprobs": None, "finish_reason": self._finish()}
        choices = [{"index": index, **choice} for index in range(self._n())]
        return {**self._envelope("chat.completion"), "choices": choices, "usage": self.usage()}

    def events(self) -> Iterator[bytes]:
        wants_usage = bool((self.body.get("stream_options") or {}).get("include_usage"))
        absent = {"usage": None} if wants_usage else {}
        for delta, finish in [*((delta, None) for delta in self._deltas()), ({}, self._finish())]:
            for index in range(self._n()):
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
                yield self._event({"choices": [choice], **absent})
        if wants_usage:
            yield self._event({"choices": [], "usage": self.usage()})
        yield sse.encode(b"[DONE]")

    def usage(self) -> dict[str, Any]:
        said = self.speech.tokens * self._n()
        return {
            "prompt_tokens": self.speech.prompt_tokens,
            "completion_tokens": said,
            "total_tokens": self.speech.prompt_tokens + said,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": None if self.speech.tools else "", "refusal": None}
        for piece in self.speech.pieces:
            yield {"content": piece}
        for number, use in enumerate(self.speech.tools):
            opened = self._tool(number, use)
            opened["function"]["arguments"] = ""
            yield {"tool_calls": [{"index": number, **opened}]}
            for fragment in use.fragments():
                yield {"tool_calls": [{"index": number, "function": {"arguments": fragment}}]}

    def _tool(self, number: int, use: ToolUse) -> dict[str, Any]:
        function = {"name": use.name, "arguments": "".join(use.fragments())}
        return {"id": f"call_{self.call.id(20)}{number:02}", "type": "function", "function": function}

    def _finish(self) -> str:
        if self.speech.tools:
            return "tool_calls"
        return "length" if self.speech.cut else "stop"

    def _n(self) -> int:
        return self.body.get("n") or 1

    def _event(self, members: Mapping[str, Any]) -> bytes:
        return sse.encode(orjson.dumps({**self._envelope("chat.completion.chunk"), **members}))

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.call.id()}",
            "object": kind,
            "created": int(self.call.now),
            "model": SNAPSHOTS.get(self.body["model"], self.body["model"]),
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
        }


def _headers(call: Call) -> dict[str, str]:
    window = call.window
    left = max(0, window.token_limit - window.tokens)
    return {
        "x-request-id": f"req_{call.id(32)}",
        "openai-processing-ms": "1",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": str(window.request_limit),
        "x-ratelimit-limit-tokens": str(window.token_limit),
        "x-ratelimit-remaining-requests": str(max(0, window.request_limit - window.requests)),
        "x-ratelimit-remaining-tokens": str(left),
        "x-ratelimit-reset-requests": go_duration(window.resets_in),
        "x-ratelimit-reset-tokens": go_duration(window.resets_in),
    }


def go_duration(seconds: float) -> str:
    """Seconds as Go prints them: `12ms`, `1.5s`, `6m0s`."""
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    return (f"{minutes}m" if minutes else "") + f"{rest / 1000:g}s"


_ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("POST", "/v1/chat/completions"): _chat,
    ("GET", "/v1/models"): _models,
}

SIMULATION = Simulation(base_path="/v1", answer=answer, reject=reject)
