"""What the promises need to know of each client API that is not the hub: a request, and the parts of its stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    delta: tuple[str, str]
    """Type of the events with text, and the path to the text in them."""
    terminal: str
    """Type of the event that ends a complete stream."""

    def wire(self, dialect: str) -> WireFormat:
        """Return what a provider of a dialect answers to a request of this API."""
        return self.native_wire if dialect == self.native else WIRE_FORMATS[dialect]

    def text(self, result: ClientResult) -> str:
        """Return the text of a stream."""
        kind, path = self.delta
        found: Any = [event for event in result.events if event["type"] == kind]
        for name in path.split("."):
            found = [each[name] for each in found]
        return "".join(found)

    def ends(self, result: ClientResult) -> tuple[int, bool]:
        """Return the number of terminal events of a stream, and whether it has an error event."""
        kinds = [event["type"] for event in result.events]
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


CLIENT_APIS: Mapping[str, ClientApi] = {
    "messages": ClientApi(
        path="/v1/messages",
        members={"max_tokens": 1000, "messages": [{"role": "user", "content": PROMPT}]},
        native="anthropic",
        native_wire=WIRE_FORMATS["anthropic"],
        translated="openai",
        delta=("content_block_delta", "delta.text"),
        terminal="message_stop",
    ),
    "responses": ClientApi(
        path="/v1/responses",
        members={"input": PROMPT},
        native="openai",
        native_wire=_responses(),
        translated="anthropic",
        delta=("response.output_text.delta", "delta"),
        terminal="response.completed",
    ),
}
