"""What the promises need to know of each client API that is not the hub: a request, and the parts of its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson

from proxy.sse import encode
from tests.faults.rehearsal import MODELS, PROMPT, ClientResult
from tests.faults.wire_formats import TEXT, TOKENS, WIRE_FORMATS, WireFormat


@dataclass(frozen=True)
class ClientApi:
    """One client API, as its callers see it."""

    path: str
    members: Mapping[str, Any]
    """Of its request, besides `model` and `stream`."""
    native: str
    """The dialect that takes it unchanged."""
    native_wire: WireFormat
    """What a provider of that dialect answers."""
    translated: str
    """A dialect that does not."""
    text_of: Callable[[Any], str]
    """Returns the text in an event, "" for one without."""
    kind_of: Callable[[Any], str]
    """Returns the type of an event."""
    terminal: str
    """Type of the event that ends a complete stream."""
    error_word: tuple[str, str]
    """The member of an error that says of which kind it is, and its value where every provider has failed."""
    ping: bytes = b"ping"
    """What a stream has in it that is kept open. Empty for an API without pings."""
    whole_path: str = ""
    """The path for an answer that is not streamed, if it is another."""

    def wire(self, dialect: str) -> WireFormat:
        """Return what a provider of a dialect answers to a request of this API."""
        return self.native_wire if dialect == self.native else WIRE_FORMATS[dialect]

    def text(self, result: ClientResult) -> str:
        """Return the text of a stream."""
        return "".join(map(self.text_of, result.events))

    def ends(self, result: ClientResult) -> tuple[int, bool]:
        """Return the number of terminal events of a stream, and whether it has an error event."""
        kinds = [self.kind_of(event) for event in result.events]
        return kinds.count(self.terminal), "error" in kinds


def _responses() -> WireFormat:
    """Return the answer of `wire_formats` as typed events and a body of OpenAI's Responses API."""

    def event(kind: str, **members: Any) -> bytes:
        return encode(orjson.dumps({"type": kind, **members}), kind)

    usage = {"input_tokens": 10, "output_tokens": 60, "total_tokens": 70}
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    response = {"id": "resp_1", "object": "response", "model": MODELS["openai"], "status": "completed"}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return WireFormat(
        opening=(event("response.created", response={**response, "status": "in_progress", "output": []}),),
        tokens=tuple(event("response.output_text.delta", delta=token, **place) for token in TOKENS),
        closing=(event("response.completed", response={**response, "output": [item], "usage": usage}),),
        done=b"",
        error_event=event("error", code="server_error", message="broke", param=None),
        context_length_error=b'{"error":{"message":"too long","code":"context_length_exceeded"}}',
        body=orjson.dumps({**response, "output": [item], "usage": usage}),
    )


def _gemini() -> WireFormat:
    """Return the answer of `wire_formats` as responses of Gemini's API."""

    def response(text: str, **members: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **members}
        counts = {"promptTokenCount": 10, "candidatesTokenCount": 60, "totalTokenCount": 70} if members else {}
        return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": MODELS["google"]}

    return WireFormat(
        opening=(),
        tokens=tuple(encode(orjson.dumps(response(token))) for token in TOKENS),
        closing=(encode(orjson.dumps(response("", finishReason="STOP"))),),
        done=b"",
        error_event=encode(b'{"error":{"code":500,"message":"broke","status":"INTERNAL"}}'),
        context_length_error=b'{"error":{"code":400,"message":"token count exceeds"}}',
        body=orjson.dumps(response(TEXT, finishReason="STOP")),
    )


def _gemini_text(event: Any) -> str:
    parts = [part for each in event.get("candidates", ()) for part in each["content"]["parts"]]
    return "".join(part["text"] for part in parts)


def _gemini_kind(event: Any) -> str:
    if "error" in event:
        return "error"
    return "finish" if any("finishReason" in each for each in event["candidates"]) else ""


CLIENT_APIS: Mapping[str, ClientApi] = {
    "messages": ClientApi(
        path="/v1/messages",
        members={"max_tokens": 1000, "messages": [{"role": "user", "content": PROMPT}]},
        native="anthropic",
        native_wire=WIRE_FORMATS["anthropic"],
        translated="openai",
        text_of=lambda event: event["delta"]["text"] if event["type"] == "content_block_delta" else "",
        kind_of=itemgetter("type"),
        terminal="message_stop",
        error_word=("type", "api_error"),
    ),
    "responses": ClientApi(
        path="/v1/responses",
        members={"input": PROMPT},
        native="openai",
        native_wire=_responses(),
        translated="anthropic",
        text_of=lambda event: event["delta"] if event["type"] == "response.output_text.delta" else "",
        kind_of=itemgetter("type"),
        terminal="response.completed",
        error_word=("type", "upstream_error"),
    ),
    "gemini": ClientApi(
        path="/v1beta/models/m:streamGenerateContent?alt=sse",
        whole_path="/v1beta/models/m:generateContent",
        members={"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
        native="google",
        native_wire=_gemini(),
        translated="openai",
        text_of=_gemini_text,
        kind_of=_gemini_kind,
        terminal="finish",
        error_word=("status", "UNAVAILABLE"),
        ping=b"",
    ),
}
