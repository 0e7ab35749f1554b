"""One answer of 60 tokens in OpenAI's and Anthropic's format: as events, as a body, and as errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.sse import encode
from tests.faults.rehearsal import MODELS
from tests.faults.server import CHUNKED_HEAD, FIN, RECV, Op, Script, http_chunk, http_response, send

TOKENS = tuple(f" word{number}" for number in range(60))
TEXT = "".join(TOKENS)
CLOSING = "Connection: close\r\n"


@dataclass(frozen=True)
class WireFormat:
    """The answer in one provider's format."""

    opening: tuple[bytes, ...]
    """Events before any content."""
    tokens: tuple[bytes, ...]
    closing: tuple[bytes, ...]
    """Events from the finish reason on, without `[DONE]`."""
    done: bytes
    error_event: bytes
    """An error event."""
    context_length_error: bytes
    """The body of an error for a prompt that exceeds the context window."""
    body: bytes
    ping: bytes = b": ping\n\n"

    @property
    def events(self) -> tuple[bytes, ...]:
        return (*self.opening, *self.tokens, *self.closing, *([self.done] if self.done else []))

    def stream_script(self, *ops: Op, after: int | None = None) -> Script:
        """Return a script that streams the first `after` tokens, then runs `ops`; None streams everything."""
        if after is None:
            return [RECV, send(stream_head()), *map(event, self.events), send(http_chunk(b"")), FIN]
        return [RECV, send(stream_head()), *map(event, (*self.opening, *self.tokens[:after])), *ops]

    def response_script(self, stream: bool) -> Script:
        """Return a script that sends the complete answer, as events or as a body."""
        return self.stream_script() if stream else [RECV, send(http_response(self.body, headers=CLOSING)), FIN]


def stream_head() -> bytes:
    return CHUNKED_HEAD.replace(b"Transfer-Encoding", b"Connection: close\r\nTransfer-Encoding")


def event(data: bytes) -> Op:
    """Return an operation that sends one event as one chunk, or nothing for no data (an empty chunk would be the last)."""
    return send(http_chunk(data) if data else b"")


def error_response(status: int, body: bytes = b'{"error":{"message":"no"}}', headers: str = "") -> Script:
    """Return a script that answers with an error status."""
    return [RECV, send(http_response(body, status=f"{status} X", headers=CLOSING + headers)), FIN]


def _openai(tokens: Sequence[str] = TOKENS) -> WireFormat:
    def encode_event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return encode(orjson.dumps({"id": "chatcmpl-1", "model": MODELS["openai"], "choices": choices}))

    usage = {"prompt_tokens": 10, "completion_tokens": 60, "total_tokens": 70}
    message = {"role": "assistant", "content": "".join(tokens)}
    body = {
        "id": "chatcmpl-1",
        "model": MODELS["openai"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    return WireFormat(
        opening=(encode_event({"role": "assistant", "content": ""}),),
        tokens=tuple(encode_event({"content": token}) for token in tokens),
        closing=(encode_event({}, "stop"), encode(orjson.dumps({"id": "chatcmpl-1", "choices": [], "usage": usage}))),
        done=encode(b"[DONE]"),
        error_event=encode(
            orjson.dumps({"error": {"message": "broke", "type": "server_error", "code": "server_error"}})
        ),
        context_length_error=b'{"error":{"message":"too long","code":"context_length_exceeded"}}',
        body=orjson.dumps(body),
    )


def _anthropic() -> WireFormat:
    def encode_event(kind: str, **members: Any) -> bytes:
        return encode(orjson.dumps({"type": kind, **members}), kind)

    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODELS["anthropic"],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    text = {"type": "text", "text": TEXT}
    usage = {"input_tokens": 10, "output_tokens": 60}
    return WireFormat(
        opening=(
            encode_event("message_start", message={**message, "content": []}),
            encode_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        ),
        tokens=tuple(
            encode_event("content_block_delta", index=0, delta={"type": "text_delta", "text": token})
            for token in TOKENS
        ),
        closing=(
            encode_event("content_block_stop", index=0),
            encode_event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage),
            encode_event("message_stop"),
        ),
        done=b"",
        error_event=encode_event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
        context_length_error=b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}',
        body=orjson.dumps({**message, "content": [text], "stop_reason": "end_turn", "usage": usage}),
        ping=encode_event("ping"),
    )


WIRE_FORMATS = {"openai": _openai(), "anthropic": _anthropic()}
OTHER_ANSWER = _openai([f" other{number}" for number in range(60)])
"""A different answer, as another model would give."""
