"""What the request path knows of the format that a caller speaks: its errors and pings, and how it becomes the hub and back.

The *hub* is OpenAI's Chat Completions format, from and to which every dialect translates. A request whose target speaks
the caller's own format passes unchanged. Any other is translated to the hub and from there to the target.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec import Struct

from proxy.errors import ParrotError
from proxy.messages import StreamTransform


class HubRequest(Struct, frozen=True):
    """A caller's request in the hub's format."""

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()
    """Values for X-Routing-Warnings, such as `param-dropped;name=truncation`."""
    echo: Mapping[str, Any] = {}
    """The members of the caller's request that its answer repeats."""
    hosted_tools: tuple[str, ...] = ()
    """Names of the tools that a provider would run itself. The request offers them, and the hub has no word for them."""
    message_paths: tuple[str, ...] = ()
    """For each message the path, in the caller's request, of what it was made of. Errors name it."""
    names: Mapping[str, str] = {}
    """Members that have another name in the caller's request. Errors name that one."""

    def __repr__(self) -> str:
        return f"HubRequest({', '.join(self.body)})"  # its values are the prompt


class AnswerContext(Struct, frozen=True):
    """What an answer in the caller's format has from its request."""

    id: str
    """A unique id for the answer, without a prefix."""
    created: int
    """Unix time in seconds."""
    model: str
    """The model that the caller asked for."""
    echo: Mapping[str, Any] = {}
    """As in `HubRequest.echo`."""
    prompt_tokens: int = 0
    """Estimate of the request's tokens, for formats that send a count before the answer."""


class FromHub(Protocol):
    """Turns one hub stream into the caller's, whichever attempts it comes from. Or observes the caller's own format."""

    @property
    def kept_chars(self) -> int:
        """Characters of the answer that it has kept so far."""

    def feed(self, data: bytes) -> bytes:
        """Translate whole frames: chunks, `[DONE]`, comments."""

    def end(self) -> bytes:
        """Return what ends a complete stream, b"" if that was returned before. Only after `[DONE]`."""

    def fail(self, error: ParrotError) -> bytes:
        """Return the error event that ends the stream in its present state. It raises nothing."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream is written that is not one of server-sent events."""

    content_type: str
    transform: Callable[[], StreamTransform]
    """Makes the transform from whole events, after all others."""


@dataclass(frozen=True, slots=True)
class ModelsForm:
    """How a client API writes the models that it lists."""

    model: Callable[[str, list[str]], dict[str, Any]]
    """Returns a model by its name and the names of the providers that serve it."""
    page: Callable[[list[dict[str, Any]]], dict[str, Any]]
    """Returns the list of all models."""


@dataclass(frozen=True, slots=True)
class ClientFormat:
    """A caller's format, as a value made of pure functions."""

    name: str
    error_body: Callable[[ParrotError], bytes]
    """The JSON body of a response that is an error."""
    error_event: Callable[[ParrotError], bytes]
    """The event, as bytes on the wire, that ends a stream which is not complete."""
    terminal: bytes
    """The event that ends a complete stream, where the provider has not sent one. It is b"" if the format has none."""
    ping: bytes
    """What may be sent between two events to keep a quiet stream open. It is b"" if the format allows nothing."""
    native_endpoint: str
    """The key of `Dialect.paths` whose targets take this format unchanged."""
    closing: re.Pattern[bytes]
    """Finds the event with the finish or the error of a stream, to which the decision is added where that is asked for."""
    models: ModelsForm
    request_id_header: str | None = None
    """The response header in which the vendor's SDKs look for the request's id."""
    shows_cost: bool = True
    """Whether `usage` of a response may have a `cost` among the counts of the vendor."""
    hub_endpoint: str = "chat"
    """The endpoint of the dialects that serves a translated request. Empty if only targets that speak the format may."""
    estimate: Callable[[ParrotError, int], bytes | None] | None = None
    """Returns the body that answers in place of an error, made of the prompt's estimated tokens, or None if none does."""
    request_to_hub: Callable[[Mapping[str, Any]], HubRequest] | None = None
    """Translates a request. Raises InvalidRequestError, with `param`, for what the hub cannot express.

    None for the hub itself, and for a format that only passes unchanged."""
    response_from_hub: Callable[[bytes, AnswerContext], bytes] | None = None
    """Translates a complete response of the hub."""
    stream_from_hub: Callable[[AnswerContext], FromHub] | None = None
    """Makes the translator of one stream."""
    framing_of: Callable[[str], Framing | None] | None = None
    """Returns how the stream of a request is written, by its path with the query. None for events."""
    passed_stream: Callable[[], FromHub] | None = None
    """Makes what observes a stream that passes unchanged, where its error event depends on the events before it."""
    has_response_ids: bool = False
    """Whether a request may go on from an earlier response, by its id."""
