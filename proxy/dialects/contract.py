"""What a wire format must know: how to ask, and how to read what comes back, in OpenAI's words.

OpenAI's chat format is the hub. A dialect is a value made of pure functions; nothing here opens a socket or awaits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec import field as factory

from proxy.errors import MalformedResponse, ParrotError, UpstreamErrorResponse
from proxy.messages import CompletionState, Headers, StreamTransform
from proxy.sse import Event, EventTooLargeError


class CallerRequest(Struct, frozen=True):
    """A request of the application, about to be put to one target."""

    endpoint: str
    """What is asked for, as a key of `Dialect.paths`: `chat`."""
    body: Mapping[str, Any]
    """OpenAI's request as parsed; never changed."""
    raw: bytes
    """The same as it came."""
    model: str
    """What the target calls the model."""
    stream: bool
    dialect_options: Mapping[str, Any] = {}
    """What headers ask of one dialect alone: `safety_settings`, a `google.safety.Safety`."""


class ProviderRequest(Struct, frozen=True):
    """The call in the provider's format."""

    path: str = ""
    """Below the provider's base_url, with any query."""
    body: bytes = b""
    headers: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    """Words for X-Routing-Warnings, such as `param-dropped;name=seed`."""
    tool_names: Mapping[str, str] = {}
    """Tool names that had to be changed: the provider's -> the caller's."""


def error_from_exception(error: Exception) -> ParrotError:
    """Return what an exception in a transform means: the error itself if it is a ParrotError, else a malformed response."""
    if isinstance(error, ParrotError):
        return error
    if isinstance(error, EventTooLargeError):
        return MalformedResponse(f"the provider's stream: {error}")
    return MalformedResponse("the provider's answer cannot be translated")


class ResponseContext(Struct, frozen=True):
    """How to put one answer into OpenAI's words, and where to note what was seen of it."""

    provider: str
    """Goes into the answer as its `provider` member."""
    model: str
    """What the target was asked for; stands in where the answer does not name its model."""
    id: str
    """Stands in where the answer has no id: unique, `chatcmpl-…`."""
    created: int
    """Unix seconds, where the answer has no time."""
    show_usage: bool = True
    """Whether the caller asked for a usage chunk (streams only)."""
    tool_names: Mapping[str, str] = {}
    """From `Asking.names`."""
    answer: CompletionState = factory(default_factory=CompletionState)
    """Written by `translate_response` and by the stage as they read: model, finish, usage (OpenAI's), done, error, dropped."""
    on_exception: Callable[[Exception], ParrotError] = error_from_exception
    """Logs an exception in the stage, and returns the error that the stream ends with."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A wire format."""

    name: str
    auth: str
    """How the key travels unless the provider's `auth` says otherwise: a key of AUTH."""
    paths: Mapping[str, str]
    """The endpoints it has: name -> path below base_url; an endpoint not listed is unsupported."""
    build_request: Callable[[CallerRequest], ProviderRequest]
    """The request. Raises InvalidRequestError, with `param`, for what no request to this provider can express."""
    translate_response: Callable[[bytes, ResponseContext], bytes]
    """A whole answer (status 200) as an OpenAI answer. Raises MalformedResponse if it is none."""
    stream_translator: Callable[[ResponseContext], StreamTransform]
    """A stage from the provider's event stream to OpenAI's: chunks with `provider`, no `[DONE]` unless it came."""
    has_content: Callable[[Event], bool]
    """Whether an event carries content (text, reasoning, a tool call, an image), a finish or an error."""
    translate_error: Callable[[int, Headers, bytes], UpstreamErrorResponse]
    """An answer that is no 200."""
    forwarded_header_prefixes: tuple[str, ...] = ()
    """Prefixes, in lower case, of the caller's headers that this vendor alone gets: `openai-`."""
    control_headers: Mapping[str, tuple[str, Callable[[str], Any]]] = field(default_factory=dict)
    """Control headers of its own: name -> the key in `Call.extras`, and how to read it (raises InvalidHeaderError)."""
    list_models_request: ProviderRequest = ProviderRequest("/models")
    """How to ask, for nothing, which models there are: a GET without a body."""
    supports_prefill: Callable[[str], bool] = lambda model: False
    """Whether that upstream model goes on from an assistant message at the end."""
    echoes_prefill: bool = False
    """Whether its answer may begin by repeating that message."""
    unsupported_params: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda body, model: ()
    """Parameters of an OpenAI request that this dialect cannot express for that upstream model.

    Those in `params.ESSENTIAL` exclude the target, the others are dropped with a warning."""


AUTH_SCHEMES: Mapping[str, tuple[str, str]] = {
    "bearer": ("Authorization", "Bearer {}"),
    "x-api-key": ("x-api-key", "{}"),
    "api-key": ("api-key", "{}"),
    "x-goog-api-key": ("x-goog-api-key", "{}"),
}
"""How a key may travel: the header, and its value's form."""
