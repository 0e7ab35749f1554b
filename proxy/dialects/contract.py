"""What a wire format must know: how to ask, and how to read what comes back, in OpenAI's words.

OpenAI's chat format is the hub. A dialect is a value made of pure functions; nothing here opens a socket or awaits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec import field as factory

from proxy.errors import BadAnswer, ParrotError, Refused
from proxy.messages import Answer, Headers, Stage
from proxy.sse import Event, EventTooLarge


class Call(Struct, frozen=True):
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
    extras: Mapping[str, Any] = {}
    """What headers ask of one dialect alone: `safety_settings`, a `google.safety.Safety`."""


class Asking(Struct, frozen=True):
    """The call in the provider's format."""

    path: str = ""
    """Below the provider's base_url, with any query."""
    body: bytes = b""
    headers: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    """Words for X-Routing-Warnings, such as `param-dropped;name=seed`."""
    names: Mapping[str, str] = {}
    """Tool names that had to be changed: the provider's -> the caller's."""


def response_failure(error: Exception) -> ParrotError:
    """Return what an exception in a transform means: the error itself if it is a ParrotError, else a malformed response."""
    if isinstance(error, ParrotError):
        return error
    if isinstance(error, EventTooLarge):
        return BadAnswer(f"the provider's stream: {error}")
    return BadAnswer("the provider's answer cannot be translated")


class Reading(Struct, frozen=True):
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
    names: Mapping[str, str] = {}
    """From `Asking.names`."""
    answer: Answer = factory(default_factory=Answer)
    """Written by `answer` and by the stage as they read: model, finish, usage (OpenAI's), done, error, dropped."""
    on_exception: Callable[[Exception], ParrotError] = response_failure
    """Logs an exception in the stage, and returns the error that the stream ends with."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A wire format."""

    name: str
    auth: str
    """How the key travels unless the provider's `auth` says otherwise: a key of AUTH."""
    paths: Mapping[str, str]
    """The endpoints it has: name -> path below base_url; an endpoint not listed is unsupported."""
    ask: Callable[[Call], Asking]
    """The request. Raises InvalidRequest, with `param`, for what no request to this provider can express."""
    answer: Callable[[bytes, Reading], bytes]
    """A whole answer (status 200) as an OpenAI answer. Raises BadAnswer if it is none."""
    stream: Callable[[Reading], Stage]
    """A stage from the provider's event stream to OpenAI's: chunks with `provider`, no `[DONE]` unless it came."""
    begins: Callable[[Event], bool]
    """Whether an event carries content (text, reasoning, a tool call, an image), a finish or an error."""
    error: Callable[[int, Headers, bytes], Refused]
    """An answer that is no 200."""
    forwarded: tuple[str, ...] = ()
    """Prefixes, in lower case, of the caller's headers that this vendor alone gets: `openai-`."""
    headers: Mapping[str, tuple[str, Callable[[str], Any]]] = field(default_factory=dict)
    """Control headers of its own: name -> the key in `Call.extras`, and how to read it (raises InvalidHeader)."""
    listing: Asking = Asking("/models")
    """How to ask, for nothing, which models there are: a GET without a body."""
    prefill: Callable[[str], bool] = lambda model: False
    """Whether that upstream model goes on from an assistant message at the end."""
    echoes: bool = False
    """Whether its answer may begin by repeating that message."""
    unsupported: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda body, model: ()
    """Parameters of an OpenAI request that this dialect cannot express for that upstream model.

    Those in `params.ESSENTIAL` exclude the target, the others are dropped with a warning."""


AUTH: Mapping[str, tuple[str, str]] = {
    "bearer": ("Authorization", "Bearer {}"),
    "x-api-key": ("x-api-key", "{}"),
    "api-key": ("api-key", "{}"),
    "x-goog-api-key": ("x-goog-api-key", "{}"),
}
"""How a key may travel: the header, and its value's form."""
