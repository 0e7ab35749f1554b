"""Sends one chat request to the sidecar and measures the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientError, ClientResponse, ClientSession

from proxy.sse import EventTooLargeError, Framer, data_of

MAX_BYTES = 16 * 1024 * 1024
"""The largest answer, as the JSON or the events that it comes in."""

_JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call as the model wrote it."""

    name: str
    arguments: str
    """JSON, or of a custom tool any text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, or the error in its place, with the measurements."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    error: str | None = None
    provider: str | None = None
    """The provider that served it."""
    provider_model: str | None = None
    """The model's name there."""
    warnings: tuple[str, ...] = ()
    """What the sidecar had to change in the request for that provider."""
    ttft_ms: float | None = None
    """Time until the first content of a stream."""
    latency_ms: float = 0.0
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class ChatClient:
    """Sends chat requests. `clock` returns seconds."""

    session: ClientSession
    url: str
    clock: Callable[[], float]

    async def ask(self, request: _JsonObject) -> Answer:
        """Send a request, as a stream unless it says otherwise, and return the answer. A failure is an answer too."""
        started = self.clock()
        reading = _Reading()
        try:
            async with self.session.post(self.url, json=_with_stream(request), allow_redirects=False) as response:
                reading.headers = response.headers
                await self._read(response, reading, started)
        except TimeoutError:
            reading.error = "no complete answer in time"
        except (ClientError, EventTooLargeError, ValueError) as error:
            reading.error = reading.error or f"the connection broke: {str(error) or type(error).__name__}"
        return reading.answer(self._ms_since(started))

    async def _read(self, response: ClientResponse, reading: _Reading, started: float) -> None:
        if response.content_type != "text/event-stream":
            reading.read_complete(response.status, await _body(response))
            return
        framer, size = Framer(), 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > MAX_BYTES:
                raise ValueError(f"the answer is over {MAX_BYTES} bytes")
            for frame in framer.feed(chunk):
                if reading.read_event(data_of(frame)) and reading.ttft_ms is None:
                    reading.ttft_ms = self._ms_since(started)

    def _ms_since(self, started: float) -> float:
        return round((self.clock() - started) * 1000, 3)


def _with_stream(request: _JsonObject) -> _JsonObject:
    if request.get("stream") is False:
        return request
    return {**request, "stream": True, "stream_options": {"include_usage": True}}


async def _body(response: ClientResponse) -> bytes:
    """Return a body. Raises ValueError if it is too long."""
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > MAX_BYTES:
            raise ValueError(f"the answer is over {MAX_BYTES} bytes")
    return bytes(data)


@dataclass(slots=True)
class _Call:
    """A tool call of which the arguments arrive in pieces."""

    name: str = ""
    pieces: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """An answer as far as it has arrived."""

    texts: list[str] = field(default_factory=list)
    calls: dict[str, _Call] = field(default_factory=dict)
    finish_reason: str | None = None
    error: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: _JsonObject = field(default_factory=dict)
    ttft_ms: float | None = None

    def read_complete(self, status: int, body: bytes) -> None:
        """Read a response that is no stream: an answer, or an error."""
        try:
            value = _members(orjson.loads(body))
        except orjson.JSONDecodeError:
            value = {}
        if status != 200 or "choices" not in value:
            self.error = _error_message(value) or f"the response has status {status} and no answer"
            return
        self._read_members(value, "message")

    def read_event(self, data: bytes | None) -> bool:
        """Read the data of an event, and return whether it has content."""
        if data is None or data == b"[DONE]":
            return False
        value = _members(orjson.loads(data))
        if "error" in value:
            self.error = _error_message(value) or "the stream ended with an error"
        return self._read_members(value, "delta")

    def _read_members(self, value: _JsonObject, name: str) -> bool:
        self.usage = _members(value.get("usage")) or self.usage
        first = next((each for each in map(_members, _items(value.get("choices"))) if not each.get("index")), {})
        self.finish_reason = first.get("finish_reason") or self.finish_reason
        return self._read_message(_members(first.get(name)))

    def _read_message(self, message: _JsonObject) -> bool:
        """Read a message or a part of one, and return whether it has content."""
        text = message.get("content") or message.get("refusal")
        if isinstance(text, str):
            self.texts.append(text)
        for position, each in enumerate(map(_members, _items(message.get("tool_calls")))):
            call = self.calls.setdefault(str(each.get("index", position)), _Call())
            called = _members(each.get("function") or each.get("custom"))
            call.name += str(called.get("name") or "")
            call.pieces.append(str(called.get("arguments") or called.get("input") or ""))
        return bool(text or message.get("tool_calls") or message.get("reasoning_content") or message.get("reasoning"))

    def answer(self, latency_ms: float) -> Answer:
        """Return the answer that has arrived."""
        error = self.error or (None if self.finish_reason else "the answer ended before it was complete")
        warnings = self.headers.get("X-Routing-Warnings", "")
        return Answer(
            text="".join(self.texts),
            tool_calls=tuple(ToolCall(call.name, "".join(call.pieces)) for call in self.calls.values()),
            finish_reason=self.finish_reason,
            error=error,
            provider=self.headers.get("X-Provider"),
            provider_model=self.headers.get("X-Provider-Model"),
            warnings=tuple(each.strip() for each in warnings.split(",") if each.strip()),
            ttft_ms=self.ttft_ms,
            latency_ms=latency_ms,
            prompt_tokens=_number(self.usage.get("prompt_tokens")),
            completion_tokens=_number(self.usage.get("completion_tokens")),
            cost_usd=_number(self.usage.get("cost")),
        )


def _error_message(value: _JsonObject) -> str | None:
    error = _members(value.get("error"))
    message = error.get("message")
    return str(message) if message else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _members(value: Any) -> _JsonObject:
    return value if isinstance(value, dict) else {}
