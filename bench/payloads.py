"""The payloads of the benchmarks: requests and their variants, answers with the headers of real ones, streamed events.

A plain request has 0.9 kB, its answer 0.8 kB, an event 0.3 kB (Anthropic's: 0.1 kB).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

PROVIDER_KEY = "sk-proj-Zq7XkV2mT9wLr4bNfYc8JsHa5DgUePo1"
"""What the proxies that hold keys send to the provider: as long and as varied as a real one, and valid nowhere."""
CHAT_PATH = "/v1/chat/completions"
ANTHROPIC_PATH = "/v1/messages"
TOOLS_BASE = "/tools"
"""Path prefix of the provider whose answers call a tool."""

UNARY_MODEL = "gpt-4o"
ALIAS_MODEL = "our-default"
"""A model of routing.yaml that the provider knows as `UNARY_MODEL`."""
TOOLS_MODEL = "gpt-4o-tools"
STREAM_MODELS = {50: UNARY_MODEL, 1: "gpt-4o-mini"}
"""Events per second -> model. The number of events is the request's `max_tokens`."""
ANTHROPIC_MODEL = "claude-sonnet-4-5"

PROVIDER_HEADERS = (
    ("access-control-expose-headers", "X-Request-ID"),
    ("openai-organization", "example-org-a1b2c3"),
    ("openai-processing-ms", "612"),
    ("openai-project", "proj_AbCdEfGhIjKlMnOpQrStUvWx"),
    ("openai-version", "2020-10-01"),
    ("x-envoy-upstream-service-time", "623"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "30000000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "29999695"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-reset-tokens", "0s"),
    ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("cf-cache-status", "DYNAMIC"),
    ("set-cookie", f"__cf_bm={'a1B2c3D4' * 12}; path=/; HttpOnly; Secure; SameSite=None"),
    ("set-cookie", f"_cfuvid={'e5F6g7H8' * 8}; path=/; HttpOnly; Secure; SameSite=None"),
    ("x-content-type-options", "nosniff"),
    ("cf-ray", "93f2a1b4c8d7e6f5-FRA"),
    ("alt-svc", 'h3=":443"; ma=86400'),
)
"""What OpenAI's answers carry besides Date, Server, Content-Type and Content-Length."""

_ROLE = "You are a terse and careful engineer who says where a number comes from."
_QUESTION = "Compare the proxies between an application and its providers: be brief, fair, precise. " * 8
_SENTENCE = "A sidecar keeps the application simple: one address, one dialect, and all of the routing in one file. " * 4
_IMAGE = base64.b64encode(bytes(range(256)) * 6).decode()


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def chat_request(model: str, max_tokens: int = 256, content: object = _QUESTION, **more: object) -> bytes:
    """Return the body of a chat completion."""
    messages = [{"role": "system", "content": _ROLE}, {"role": "user", "content": content}]
    return _compact({"model": model, "messages": messages, "temperature": 0.7, "max_tokens": max_tokens, **more})


def stream_request(model: str, count: int) -> bytes:
    """Return a body that requests `count` content events from the simulated provider."""
    return chat_request(model, count, stream=True, stream_options={"include_usage": True})


def _tool(name: str, **properties: str) -> dict[str, object]:
    described = {each: {"type": "string", "description": text} for each, text in properties.items()}
    parameters = {
        "type": "object",
        "properties": described,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": f"Look up the {name} of a proxy.", "parameters": parameters}
    return {"type": "function", "function": function}


_TOOLS = [
    _tool("throughput", proxy="The proxy's name", cores="Number of CPU cores"),
    _tool("latency", proxy="The proxy's name", percentile="One of p50, p99"),
]
_IMAGE_CONTENT = [
    {"type": "text", "text": _QUESTION},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_IMAGE}", "detail": "low"}},
]
_CONTROL_HEADERS = {
    "X-Provider-Preference": "openai",
    "X-Routing-Strategy": "automatic",
    "X-Max-Provider-Retries": "2",
    "X-Session-Id": "bench-session",
}

UNARY_REQUEST = chat_request(UNARY_MODEL)
VARIANTS: dict[str, tuple[bytes, dict[str, str]]] = {
    "plain": (UNARY_REQUEST, {}),
    "tools": (chat_request(TOOLS_MODEL, tools=_TOOLS, tool_choice="auto"), {}),
    "image": (chat_request(UNARY_MODEL, content=_IMAGE_CONTENT), {}),
    "alias": (chat_request(ALIAS_MODEL), {}),
    "control_headers": (UNARY_REQUEST, _CONTROL_HEADERS),
}
"""Name -> body and additional headers of a unary request. All go to OpenAI's format on both sides."""


def _answer(message: dict[str, object], finish_reason: str) -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message, "refusal": None, "annotations": []},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    return _compact(
        {
            "id": "chatcmpl-BenchAnswer0000000000000000",
            "object": "chat.completion",
            "created": 1750000000,
            "model": "gpt-4o-2024-08-06",
            "choices": [choice],
            "usage": {"prompt_tokens": 150, "completion_tokens": 80, "total_tokens": 230},
            "service_tier": "default",
            "system_fingerprint": "fp_0123456789",
        }
    )


_CALLS = [
    {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"proxy":"envoy"}'}}
    for name in ("throughput", "latency")
]
UNARY_ANSWER = _answer({"content": _SENTENCE}, "stop")
TOOLS_ANSWER = _answer({"content": None, "tool_calls": _CALLS}, "tool_calls")


@dataclass(frozen=True, slots=True)
class Api:
    """Where and how a program accepts chat completions: path, prefix of model names, additional headers.

    `{upstream}` in a header stands for the provider's port.
    """

    path: str = CHAT_PATH
    model_prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def for_upstream(self, port: int) -> Api:
        """Return the same with the provider's port in the headers."""
        headers = {name: value.format(upstream=port) for name, value in self.headers.items()}
        return Api(self.path, self.model_prefix, headers)

    def body(self, body: bytes) -> bytes:
        """Return the body with the model name that this program expects."""
        return body.replace(b'{"model":"', b'{"model":"' + self.model_prefix.encode(), 1)

    def all_headers(self, more: dict[str, str]) -> dict[str, str]:
        """Return all headers except Host and Content-Length."""
        return {"Authorization": "Bearer sk-bench", "Content-Type": "application/json"} | self.headers | more

    def post(self, body: bytes) -> bytes:
        """Return the bytes of an HTTP/1.1 request."""
        body = self.body(body)
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.all_headers({}).items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


OPENAI = Api()


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """Return one OpenAI chunk as a server-sent event."""
    return _event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], None)


def _event(choices: list[object], usage: dict[str, int] | None) -> bytes:
    chunk = {
        "id": "chatcmpl-BenchStream0000000000000000",
        "object": "chat.completion.chunk",
        "created": 1750000000,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": choices,
        "usage": usage,
    }
    return b"data: " + _compact(chunk) + b"\n\n"


def _anthropic(type_: str, **members: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (type_.encode(), _compact({"type": type_, **members}))


FIRST_EVENT = event({"role": "assistant", "content": ""})
CONTENT_EVENT = event({"content": " sidecar"})
LAST_EVENTS = (
    event({}, "stop"),
    _event([], {"prompt_tokens": 150, "completion_tokens": 80, "total_tokens": 230}),
    b"data: [DONE]\n\n",
)

_MESSAGE = {
    "id": "msg_01BenchStream000000000000",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 150, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1},
}
ANTHROPIC_FIRST = (
    _anthropic("message_start", message=_MESSAGE)
    + _anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + _anthropic("ping")
)
ANTHROPIC_CONTENT = _anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": " sidecar"})
ANTHROPIC_LAST = (
    _anthropic("content_block_stop", index=0),
    _anthropic("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 80}),
    _anthropic("message_stop"),
)
