"""The payloads of the benchmarks: a request of 0.9 kB, a response of 0.8 kB, streamed events of 0.3 kB."""

from __future__ import annotations

import json

CHAT_PATH = "/v1/chat/completions"
UNARY_MODEL = "gpt-4o"
STREAM_PATTERN = "stream-*"

_ROLE = "You are a terse and careful engineer who says where a number comes from."
_QUESTION = "Compare the proxies between an application and its providers: be brief, fair, precise. " * 8
_SENTENCE = "A sidecar keeps the application simple: one address, one dialect, and all of the routing in one file. " * 4


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _request(model: str, **more: object) -> bytes:
    messages = [{"role": "system", "content": _ROLE}, {"role": "user", "content": _QUESTION}]
    return _compact({"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 256, **more})


UNARY_REQUEST = _request(UNARY_MODEL)

UNARY_ANSWER = _compact(
    {
        "id": "chatcmpl-BenchAnswer0000000000000000",
        "object": "chat.completion",
        "created": 1750000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _SENTENCE, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 150, "completion_tokens": 80, "total_tokens": 230},
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }
)


def stream_request(rate: int, count: int) -> bytes:
    """Return a body that requests `count` content events, `rate` per second, from the simulated provider."""
    return _request(f"stream-{rate}-{count}", stream=True, stream_options={"include_usage": True})


def post(body: bytes) -> bytes:
    """Return the bytes of an HTTP/1.1 request for a chat completion."""
    head = (
        f"POST {CHAT_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-bench\r\n"
        f"Content-Type: application/json\r\nAccept: */*\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


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


FIRST_EVENT = event({"role": "assistant", "content": ""})
CONTENT_EVENT = event({"content": " sidecar"})
LAST_EVENTS = (
    event({}, "stop"),
    _event([], {"prompt_tokens": 150, "completion_tokens": 80, "total_tokens": 230}),
    b"data: [DONE]\n\n",
)
