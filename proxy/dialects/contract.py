"""The contract of a dialect (a provider's wire format): `Dialect`, and the values its functions take and return.

A dialect builds the provider's request from an OpenAI request, and translates responses, event streams and errors back.
It is a value made of pure functions. Nothing here opens a socket or awaits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec import field as factory
from msgspec.structs import replace

from proxy.dialects.hub.media import ALL_MEDIA, is_https
from proxy.dialects.hub.tool_forms import FUNCTIONS_ONLY, ToolForms
from proxy.dialects.refusals import RefusalTable
from proxy.errors import (
    MalformedResponse,
    ParrotError,
    ResourceExhaustedError,
    ResponseTooLargeError,
    UpstreamErrorResponse,
)
from proxy.headers import OPENAI_RATE_LIMITS, RateLimitHeaders
from proxy.messages import CompletionState, Headers, StreamTransform
from proxy.sse import Event, EventTooLargeError


class CallerRequest(Struct, frozen=True):
    """The caller's request in OpenAI's format, and the target it is to be translated for."""

    endpoint: str
    """A key of `Dialect.paths`, such as `chat`."""
    body: Mapping[str, Any]
    """The parsed request, which is never changed."""
    raw: bytes
    """The request's bytes."""
    model: str
    """The upstream model's name. Empty where the request names none, and the provider chooses."""
    stream: bool
    dialect_options: Mapping[str, Any] = {}
    """Values of the dialect's own control headers, by the keys in `Dialect.control_headers`."""
    family: str = ""
    """The model whose rules apply, if `model` does not tell, as the name of a deployment."""
    refused: Set[str] = frozenset()
    """Of the dialect's `avoidable_params`, those that the target does not take."""
    native_members: Mapping[str, Any] = {}
    """Members in the provider's format that are merged into the translated request. Dialects do not read them."""
    tool_forms: ToolForms = FUNCTIONS_ONLY
    """The forms of the caller's tools, which are functions here unless the dialect takes every form."""

    def __repr__(self) -> str:
        return f"CallerRequest({self.endpoint}, {self.model})"  # its body is the prompt


class ProviderRequest(Struct, frozen=True):
    """A request in the provider's format."""

    path: str = ""
    """Relative to the provider's base_url, query included."""
    body: bytes = b""
    headers: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    """Values for X-Routing-Warnings, such as `param-dropped;name=seed`."""
    tool_names: Mapping[str, str] = {}
    """The tool names that had to be changed: the name sent to the provider -> the caller's."""
    response_options: Mapping[str, Any] = {}
    """What the dialect has to know of the request when it translates the response, by names of its own."""
    parts: tuple[ProviderRequest, ...] = ()
    """The requests to send in place of one that the provider would not take at once. It has no path and body itself then."""
    tool_forms: ToolForms = FUNCTIONS_ONLY
    """The forms in which the caller gets the calls of its functions."""
    content_type: str = "application/json"
    """Of its body."""

    def with_bodies(self, change: Callable[[bytes], bytes]) -> ProviderRequest:
        """Return the request with its body, or that of each part, changed."""
        if self.parts:
            return replace(self, parts=tuple([part.with_bodies(change) for part in self.parts]))
        return replace(self, body=change(self.body))

    def __repr__(self) -> str:
        return f"ProviderRequest({self.path.partition('?')[0]})"  # its body is the prompt


def error_from_exception(error: Exception) -> ParrotError:
    """Return the error for an exception in a transform: itself if it is a ParrotError, else a MalformedResponse.

    A size limit and a lack of memory are the sidecar's own, so their errors are not an UpstreamError.
    """
    if isinstance(error, ParrotError):
        return error
    if isinstance(error, EventTooLargeError):
        return ResponseTooLargeError(f"the provider's stream: {error}")
    if isinstance(error, MemoryError):
        return ResourceExhaustedError("out of resources: no memory for the provider's answer")
    return MalformedResponse("the provider's answer cannot be translated")


class ResponseContext(Struct, frozen=True):
    """What translating one response needs, and the state in which it records what the response contained."""

    provider: str
    """The provider's name in routing.yaml, sent to the caller as the member `provider`."""
    model: str
    """The requested upstream model, used where the response does not name one."""
    id: str
    """A unique `chatcmpl-...`, used where the response has no id."""
    created: int
    """Unix time in seconds, used where the response has none."""
    show_usage: bool = True
    """Whether the caller requested the usage chunk (streams only)."""
    tool_names: Mapping[str, str] = {}
    """As in `ProviderRequest.tool_names`."""
    answer: CompletionState = factory(default_factory=CompletionState)
    """Updated by `translate_response` and by the stream translator: model, finish reason, usage, whether it is complete."""
    on_exception: Callable[[Exception], ParrotError] = error_from_exception
    """Takes an exception raised while translating a stream and returns the error to end it with. It may log."""
    endpoint: str = ""
    """As in `CallerRequest.endpoint`: what the answer must contain. Empty for anything."""
    response_options: Mapping[str, Any] = {}
    """As in `ProviderRequest.response_options`."""
    headers: Mapping[str, str] = {}
    """The response's headers, in lower case."""


class NativeRules(Struct, frozen=True):
    """What callers may not change of a provider's requests: paths of members, such as `generationConfig.candidateCount`."""

    reserved: tuple[str, ...] = ("model", "stream", "stream_options", "messages", "n", "input")
    """Members that the sidecar sets, counts or resumes by."""
    limits: tuple[str, ...] = ("max_tokens",)
    """Members that limit the output tokens: a cost ceiling may have lowered them."""
    spelling: Callable[[str], str] = str
    """Returns the one spelling of a name, where the API takes several."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A provider's wire format, and what else differs between providers."""

    auth: str
    """How the API key is sent unless the provider's `auth` overrides it: a key of AUTH_SCHEMES."""
    paths: Mapping[str, str]
    """Supported endpoints: name -> path relative to base_url."""
    build_request: Callable[[CallerRequest], ProviderRequest]
    """Translates a request. Raises InvalidRequestError, with `param`, for what this provider cannot express."""
    translate_response: Callable[[bytes, ResponseContext], bytes]
    """Translates a 200 body to OpenAI's format. Raises MalformedResponse."""
    stream_translator: Callable[[ResponseContext], StreamTransform]
    """Makes the transform from the provider's event stream to OpenAI's, each chunk with `provider`.

    It sends `[DONE]` only if the answer is complete: a stream that was cut must not look whole."""
    has_content: Callable[[Event], bool]
    """Whether a provider's event contains text, reasoning, a tool call, an image, a finish reason or an error."""
    translate_error: Callable[[int, Headers, bytes], UpstreamErrorResponse]
    """Translates an error response: its status, the headers that the caller may receive, and its body."""
    refusals: RefusalTable
    """Which of its 400s are about one member of the request, which another target may take."""
    forwarded_header_prefixes: tuple[str, ...] = ()
    """Prefixes, in lower case, of the caller's headers that only this provider receives, such as `openai-`."""
    default_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of every request in which the caller and `ProviderRequest.headers` set no other value, in lower case."""
    returned_header_prefixes: tuple[str, ...] = ()
    """Prefixes, in lower case, of response headers that the caller receives from this provider only."""
    rate_limit_headers: tuple[RateLimitHeaders, ...] = OPENAI_RATE_LIMITS
    """The response headers with this provider's rate limits."""
    otel_provider_name: str | None = None
    """OpenTelemetry's `gen_ai.provider.name`, or None if it has no name for the provider."""
    reasoning_budget_fields: tuple[tuple[str, str], ...] = ()
    """Members of a request that limit the reasoning tokens, as (object, member): `("thinking", "budget_tokens")`."""
    avoidable_params: frozenset[str] = frozenset()
    """Members of its requests that it leaves out, or replaces, once a target has refused them."""
    model_optional: frozenset[str] = frozenset()
    """Of its endpoints, those that need no model: it serves requests to them that name none."""
    control_headers: Mapping[str, tuple[str, Callable[[str], Any]]] = field(default_factory=dict)
    """Its own control headers: name -> key in `CallerRequest.dialect_options`, and the parser (raises InvalidHeaderError)."""
    native_rules: NativeRules = field(default_factory=NativeRules)
    """Which members a caller may add to its requests."""
    takes_every_tool_form: bool = False
    """Whether it has `functions` and custom tools. Otherwise they become functions of `tools`."""
    list_models_request: ProviderRequest = ProviderRequest("/models")
    """A GET that lists the models and costs nothing. Health probes send it."""
    media: Set[str] = ALL_MEDIA
    """The kinds of files and audio that its requests may have."""
    takes_url: Callable[[str], bool] = is_https
    """Whether its provider reads the image or file at a web address."""
    stores: Callable[[str], bool] = lambda reference: False
    """Whether the id, or the URL, of a file has the form of those that its provider stores."""
    supports_prefill: Callable[[str], bool] = lambda model: False
    """Whether that model or family continues a final assistant message."""
    echoes_prefill: bool = False
    """Whether the continuation may begin by repeating that message."""
    unsupported_params: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda body, model: ()
    """Names the parameters of an OpenAI request that this dialect cannot express for that model or family.

    Those in `hub.params.ESSENTIAL_PARAMS` exclude the target, the others are dropped with a warning."""
    unsupported_embedding_params: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda body, model: ()
    """The same for a request for embeddings, with `hub.embeddings.ESSENTIAL_PARAMS`."""
    unsupported_image_params: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda body, model: ()
    """The same for a request for images, with `hub.images.ESSENTIAL_PARAMS`."""


AUTH_SCHEMES: Mapping[str, tuple[str, str]] = {
    "bearer": ("Authorization", "Bearer {}"),
    "x-api-key": ("x-api-key", "{}"),
    "api-key": ("api-key", "{}"),
    "x-goog-api-key": ("x-goog-api-key", "{}"),
}
"""Ways to send an API key: the header, and the format of its value."""
