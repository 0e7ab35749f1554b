"""What a simulated wire format must know: how to answer a request, and how to refuse one; pure, without a socket."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from proxy.messages import Headers

EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RateLimitWindow:
    """How much of the current minute's allowance is used, this request included."""

    requests: int = 1
    tokens: int = 0
    """Of the answers before this one."""
    resets_in_s: float = 60.0
    """Seconds until the count starts again."""
    request_limit: int = 500
    token_limit: int = 200_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a provider received it, and what the provider knows at that moment."""

    provider: str
    method: str
    path: str
    """Without the query."""
    headers: Headers
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    number: int = 1
    """Counts this provider's requests from 1."""
    now: float = 0.0
    """Unix seconds."""
    window: RateLimitWindow = RateLimitWindow()

    def id(self, length: int = 24) -> str:
        """Hexadecimal, at most 64 digits, the same for the same request of the same run."""
        return hashlib.sha256(f"{self.provider}/{self.number}".encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider says: one frame for a whole answer, one for each event of a stream."""

    status: int
    headers: Mapping[str, str]
    frames: tuple[bytes, ...]
    tokens: int = 0
    """What the answer costs of the minute's allowance."""


class SimulatedError(Exception):
    """The provider answers with an error; the words are its own where `message` is empty."""

    def __init__(self, status: int, message: str = "", *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated wire format."""

    base_path: str
    """What its base_url ends in: `/v1` or nothing."""
    handle: Callable[[Call], Reply]
    """The reply to a request. Raises Rejected."""
    render_error: Callable[[Call, SimulatedError], Reply]
    """The reply that says why not, in the provider's own envelope; any status from 300 up."""


def json_reply(status: int, headers: Mapping[str, str], value: object) -> Reply:
    """A whole answer."""
    return Reply(status, {"content-type": "application/json", **headers}, (orjson.dumps(value),))


def event_reply(events: Iterable[bytes]) -> Reply:
    """A stream of encoded events."""
    return Reply(200, {"content-type": EVENT_STREAM, "cache-control": "no-cache"}, tuple(events))


def with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """The same with more headers."""
    return replace(reply, headers={**reply.headers, **headers})


def parse_json_object(call: Call) -> dict[str, Any]:
    """The body as a JSON object; Rejected 400 if it is none."""
    try:
        value = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise SimulatedError(400, f"The body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise SimulatedError(400, "The body must be a JSON object.")
    return value
