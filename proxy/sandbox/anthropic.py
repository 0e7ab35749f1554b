"""Simulation of Anthropic's Messages API: `/v1/messages`, `/v1/messages/count_tokens` and `/v1/models`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy import sse
from proxy.sandbox.anthropic_request import PARAMETERS_BY_VERSION, betas_of, check_request, is_custom
from proxy.sandbox.anthropic_search import citation, search_blocks, searches
from proxy.sandbox.contract import EVENT_STREAM, Call, Reply, SimulatedError, Simulation, json_reply, parse_json_object
from proxy.sandbox.model import ModelOutput, Prompt, ToolCall, count_tokens, generate

MODEL_SNAPSHOTS: Mapping[str, str] = {
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
"""Alias of a model -> its dated name in the response. Other names are returned unchanged."""

_THOUGHT = "The user wants an answer."
_SIGNATURE = "RXFRQnNhbmRib3g="
_CREATED = "2025-01-01T00:00:00Z"
_ERRORS: Mapping[int, tuple[str, str]] = {
    401: ("authentication_error", "x-api-key header is required"),
    402: ("billing_error", "The account has no credit."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    409: ("conflict_error", "The request conflicts with another one."),
    413: ("request_too_large", "Request exceeds the maximum size."),
    429: ("rate_limit_error", "Too many requests for this minute."),
    500: ("api_error", "Internal server error"),
    503: ("overloaded_error", "Overloaded"),
    504: ("timeout_error", "The request took too long."),
    529: ("overloaded_error", "Overloaded"),
}


def handle(call: Call) -> Reply:
    """Answer one request as Anthropic's API would."""
    if not call.headers.get("x-api-key") and not call.headers.get("Authorization", "").startswith("Bearer "):
        raise SimulatedError(401)
    handler = _ROUTES.get((call.method, call.path))
    if handler is None:
        raise SimulatedError(404)
    if call.headers.get("anthropic-version") not in PARAMETERS_BY_VERSION:
        raise SimulatedError(400, f"anthropic-version: header is required, one of {', '.join(PARAMETERS_BY_VERSION)}")
    return handler(call)


def render_error(call: Call, error: SimulatedError) -> Reply:
    """Return the error in Anthropic's envelope."""
    fallback = "api_error" if error.status >= 500 else "invalid_request_error"
    kind, text = _ERRORS.get(error.status, (fallback, f"Status {error.status}"))
    details = {"type": kind, "message": error.message or text}
    envelope = {"type": "error", "error": details, "request_id": _request_id(call)}
    return json_reply(error.status, _headers(call), envelope)


def _messages(call: Call) -> Reply:
    body = parse_json_object(call)
    _check(call, body, "model", "max_tokens", "messages")
    message = _Message(call, body, generate(_prompt(call.provider, body)))
    if body.get("stream"):
        headers = {**_headers(call), "content-type": EVENT_STREAM, "cache-control": "no-cache"}
        reply = Reply(200, headers, tuple(message.events()))
    else:
        reply = json_reply(200, _headers(call), message.complete())
    return replace(reply, tokens=message.output.prompt_tokens + message.output.tokens)


def _count_tokens(call: Call) -> Reply:
    body = parse_json_object(call)
    _check(call, body, "model", "messages")
    return json_reply(200, _headers(call), {"input_tokens": count_tokens(_prompt(call.provider, body).conversation)})


def _models(call: Call) -> Reply:
    models = [
        {"type": "model", "id": name, "display_name": name, "created_at": _CREATED, "lifecycle": "active"}
        for name in sorted(MODEL_SNAPSHOTS.values())
    ]
    page = {"has_more": False, "first_id": models[0]["id"], "last_id": models[-1]["id"]}
    return json_reply(200, _headers(call), {"data": models, **page})


def _check(call: Call, body: Mapping[str, Any], *required: str) -> None:
    betas = betas_of(call.headers.get("anthropic-beta"))
    check_request(body, call.headers["anthropic-version"], betas, required)


def _prompt(provider: str, body: Mapping[str, Any]) -> Prompt:
    messages = body["messages"]
    tools, required = _tools(body)
    return Prompt(
        provider=provider,
        model=body["model"],
        user=next(
            (_text_without_tool_results(one["content"]) for one in reversed(messages) if one["role"] == "user"), ""
        ),
        conversation="\n".join([_text(body.get("system") or ""), *(_text(one["content"]) for one in messages)]),
        tool_result=_tool_result(messages[-1]["content"]),
        tools=tools,
        tool_required=required,
        schema=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        max_tokens=body.get("max_tokens"),
        prefill=_text(messages[-1]["content"]) if messages[-1]["role"] == "assistant" else "",
    )


def _text(content: Any) -> str:
    """Return the text of a content: a string, or a list of blocks, including those in tool results."""
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text") or "") or _text(block.get("content") or "") for block in content)


def _text_without_tool_results(content: Any) -> str:
    """Return the text of a content without its tool results."""
    return _text(content if isinstance(content, str) else [block for block in content if not _is_tool_result(block)])


def _tool_result(content: Any) -> str | None:
    """Return the text of the tool results, or None if the content ends with something else."""
    if isinstance(content, str) or not content or not _is_tool_result(content[-1]):
        return None
    return _text([block for block in content if _is_tool_result(block)])


def _is_tool_result(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "tool_result"


def _tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """Return the tools that may be called, and whether one must be."""
    tools = {str(tool["name"]): tool.get("input_schema") or {} for tool in body.get("tools") or () if is_custom(tool)}
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "tool":
        return {name: schema for name, schema in tools.items() if name == choice["name"]}, True
    return ({} if choice["type"] == "none" else tools), choice["type"] == "any"


@dataclass(frozen=True, slots=True)
class _Message:
    """One answer in Anthropic's format."""

    call: Call
    body: Mapping[str, Any]
    output: ModelOutput

    def complete(self) -> dict[str, Any]:
        text = [{"type": "text", "text": self.output.text, **self._citations()}] if self.output.pieces else []
        content = [
            *self._search(),
            *([{"type": "thinking", "thinking": _THOUGHT, "signature": _SIGNATURE}] if self._thinks else []),
            *text,
            *(
                {**self._tool(at, tool_call), "input": tool_call.arguments}
                for at, tool_call in enumerate(self.output.tool_calls)
            ),
        ]
        return {**self._envelope(), "content": content, **self._stop(), "usage": self._usage(self.output.tokens)}

    def events(self) -> Iterator[bytes]:
        start = {**self._envelope(), "content": [], "stop_reason": None, "stop_sequence": None, "usage": self._usage(1)}
        yield _event("message_start", message=start)
        for index, (block, deltas) in enumerate(self._blocks()):
            yield _event("content_block_start", index=index, content_block=block)
            if index == 0:
                yield _event("ping")
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        yield _event("message_delta", delta=self._stop(), usage={"output_tokens": self.output.tokens})
        yield _event("message_stop")

    def _blocks(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield each content block as it starts, with the deltas that complete it."""
        for block in self._search():
            yield block, []
        if self._thinks:
            thought = {"type": "thinking_delta", "thinking": _THOUGHT}
            signed = {"type": "signature_delta", "signature": _SIGNATURE}
            yield {"type": "thinking", "thinking": "", "signature": ""}, [thought, signed]
        if self.output.pieces:
            cited = [{"type": "citations_delta", "citation": one} for one in self._citations().get("citations", ())]
            pieces = [{"type": "text_delta", "text": piece} for piece in self.output.pieces]
            yield {"type": "text", "text": ""}, [*cited, *pieces]
        for at, tool_call in enumerate(self.output.tool_calls):
            fragments = ["", *tool_call.fragments()]
            yield self._tool(at, tool_call), [{"type": "input_json_delta", "partial_json": one} for one in fragments]

    def _search(self) -> list[dict[str, Any]]:
        return search_blocks(f"srvtoolu_{self.call.id(22)}") if searches(self.body) else []

    def _citations(self) -> dict[str, Any]:
        return {"citations": [citation(self.output.text)]} if searches(self.body) else {}

    @property
    def _thinks(self) -> bool:
        return (self.body.get("thinking") or {}).get("type") in ("enabled", "adaptive")

    def _tool(self, number: int, tool_call: ToolCall) -> dict[str, Any]:
        return {"type": "tool_use", "id": f"toolu_{self.call.id(20)}{number:02}", "name": tool_call.name, "input": {}}

    def _stop(self) -> dict[str, Any]:
        reason = "tool_use" if self.output.tool_calls else "max_tokens" if self.output.truncated else "end_turn"
        return {"stop_reason": reason, "stop_sequence": None}

    def _usage(self, output: int) -> dict[str, Any]:
        """Return the usage. With a cache_control in the request, half of the prompt counts as read from the cache."""
        cached = self.output.prompt_tokens // 2 if b'"cache_control"' in self.call.body else 0
        return {
            "input_tokens": self.output.prompt_tokens - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output,
            "service_tier": "standard",
        }

    def _envelope(self) -> dict[str, Any]:
        model = MODEL_SNAPSHOTS.get(self.body["model"], self.body["model"])
        return {"id": f"msg_{self.call.id()}", "type": "message", "role": "assistant", "model": model}


def _event(kind: str, **members: Any) -> bytes:
    return sse.encode(orjson.dumps({"type": kind, **members}), kind)


def _request_id(call: Call) -> str:
    return f"req_{call.id()}"


def _headers(call: Call) -> dict[str, str]:
    window = call.window
    resets = datetime.fromtimestamp(call.now + window.resets_in_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # Anthropic rounds the remaining tokens to thousands.
    remaining_tokens = round(max(0, window.token_limit - window.tokens), -3)
    rows = {"requests": (window.request_limit, max(0, window.request_limit - window.requests))}
    rows |= dict.fromkeys(("tokens", "input-tokens", "output-tokens"), (window.token_limit, remaining_tokens))
    headers = {"request-id": _request_id(call), "anthropic-organization-id": "sandbox"}
    for name, (limit, remaining) in rows.items():
        headers[f"anthropic-ratelimit-{name}-limit"] = str(limit)
        headers[f"anthropic-ratelimit-{name}-remaining"] = str(remaining)
        headers[f"anthropic-ratelimit-{name}-reset"] = resets
    return headers


_ROUTES: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
    ("POST", "/v1/messages"): _messages,
    ("POST", "/v1/messages/count_tokens"): _count_tokens,
    ("GET", "/v1/models"): _models,
}

SIMULATION = Simulation(base_path="", handle=handle, render_error=render_error)
