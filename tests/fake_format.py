"""A client API that is none of the real ones, so that what the request path does for each of them is tested by itself.

A request is `{"model", "ask", "stream"}`, an answer `{"said": TEXT}`, a stream `part` events and one `over` event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from proxy import ingress
from proxy.errors import InvalidRequestError, ParrotError
from proxy.ingress.client_format import AnswerContext, ClientFormat, HubRequest
from proxy.ingress.openai_chat.models import MODELS
from proxy.sse import data_of, encode, split_frames

ENDPOINT = "responses"
"""The endpoint that it stands for: of those that the dialect openai takes unchanged."""


def _event(name: str, **members: Any) -> bytes:
    return encode(orjson.dumps(members), name)


def _to_hub(body: Mapping[str, Any]) -> HubRequest:
    if "only_native" in body:
        raise InvalidRequestError("only_native cannot be translated", param="only_native", code="unsupported_value")
    members = {name: value for name, value in body.items() if name in ("model", "stream", "max_tokens", "user")}
    hub = {**members, "messages": [{"role": "user", "content": body["ask"]}]}
    hosted = tuple(body.get("hosted", ()))
    return HubRequest(hub, ("param-dropped;name=odd",) if "odd" in body else (), {"ask": body["ask"]}, hosted)


def _from_hub(data: bytes, context: AnswerContext) -> bytes:
    body = orjson.loads(data)
    said = body["choices"][0]["message"]["content"]
    members = {"id": f"fake_{context.id}", "model": context.model, **context.echo}
    return orjson.dumps({**members, "said": said, "usage": body["usage"]})


@dataclass(slots=True)
class FakeFromHub:
    """Translates a stream, and says in its error event how many parts there were."""

    context: AnswerContext
    parts: int = 0
    kept_chars: int = 0
    usage: Any = None
    is_over: bool = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._frame, split_frames(data)))

    def _frame(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if data == b"[DONE]":
            return self.end()
        if data is None:
            return b""
        chunk = orjson.loads(data)
        self.usage = chunk.get("usage") or self.usage
        text = "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
        if text == "boom":
            raise ValueError(text)
        self.parts += bool(text)
        self.kept_chars += len(text)
        return _event("part", text=text) if text else b""

    def end(self) -> bytes:
        is_over, self.is_over = self.is_over, True
        usage = {"usage": self.usage} if self.usage else {}
        return b"" if is_over else _event("over", parts=self.parts, model=self.context.model, **usage)

    def fail(self, error: ParrotError) -> bytes:
        return _event("failed", message=error.message, parts=self.parts)


FAKE = ClientFormat(
    name="fake",
    error_body=lambda error: orjson.dumps({"fault": error.code, "param": error.param, "message": error.message}),
    error_event=lambda error: _event("failed", message=error.message),
    terminal=b"",
    ping=_event("ping"),
    native_endpoint=ENDPOINT,
    request_to_hub=_to_hub,
    response_from_hub=_from_hub,
    stream_from_hub=FakeFromHub,
    models=MODELS,
    closing=re.compile(rb"event: (?:over|failed)"),
)


@pytest.fixture
def fake_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let callers of the endpoint `ENDPOINT` speak this format."""
    monkeypatch.setitem(ingress.FORMATS, ENDPOINT, FAKE)  # type: ignore[arg-type]
