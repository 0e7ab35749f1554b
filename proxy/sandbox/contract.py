"""What a simulated wire format implements: `Simulation`, two pure functions from a `Call` to a `Reply`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from proxy.messages import Headers

MAX_MODEL_LENGTH = 256
"""Characters of a model's name. It is in every event of the answer."""
EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RateLimitWindow:
    """State of the provider's rate limit in the current minute, as its rate-limit headers report it."""

    requests: int = 1
    """Requests so far, including this one."""
    tokens: int = 0
    """Tokens of the earlier replies."""
    resets_in_s: float = 60.0
    request_limit: int = 500
    token_limit: int = 200_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request received by a simulated provider, with the provider's state at that moment."""

    provider: str
    method: str
    path: str
    """Without the query string."""
    headers: Headers
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    number: int = 1
    """Sequence number of the request at this provider, from 1."""
    now: float = 0.0
    """Unix seconds."""
    window: RateLimitWindow = RateLimitWindow()
    storage: MutableMapping[str, Any] = field(default_factory=dict)
    """What the provider keeps from one request to the next."""

    def id(self, length: int = 24) -> str:
        """Return a deterministic hexadecimal id for this request: `length` digits, at most 64."""
        return hashlib.sha256(f"{self.provider}/{self.number}".encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's response: one frame for a complete body, or one for each event of a stream."""

    status: int
    headers: Mapping[str, str]
    frames: tuple[bytes, ...]
    tokens: int = 0
    """Tokens charged to the rate limit."""


class SimulatedError(Exception):
    """The simulated provider responds with an error. Without `message` it has the usual text for that status."""

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
    """The path in the provider's base_url: `/v1` or empty."""
    handle: Callable[[Call], Reply]
    """Build the reply to a request. Raises SimulatedError."""
    render_error: Callable[[Call, SimulatedError], Reply]
    """Build the error response in the provider's own envelope, for any status from 300 up."""


def json_reply(status: int, headers: Mapping[str, str], value: object) -> Reply:
    """Return a complete JSON response."""
    return Reply(status, {"content-type": "application/json", **headers}, (orjson.dumps(value),))


def event_reply(events: Iterable[bytes]) -> Reply:
    """Return a stream of encoded server-sent events."""
    return Reply(200, {"content-type": EVENT_STREAM, "cache-control": "no-cache"}, tuple(events))


def with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """Return the reply with more headers."""
    return replace(reply, headers={**reply.headers, **headers})


def parse_json_object(call: Call) -> dict[str, Any]:
    """Parse the body. Raises SimulatedError: 400 unless it is a JSON object, 404 for a model's name that is too long."""
    try:
        value = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise SimulatedError(400, f"The body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise SimulatedError(400, "The body must be a JSON object.")
    check_model(value.get("model"))
    return value


def check_model(model: Any) -> None:
    """Raise SimulatedError for a name so long that no provider has such a model."""
    if isinstance(model, str) and len(model) > MAX_MODEL_LENGTH:
        raise SimulatedError(404, f"The model '{model[:64]}...' does not exist.", param="model", code="model_not_found")
