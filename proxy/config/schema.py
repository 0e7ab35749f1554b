"""The types of routing.yaml: its sections, their keys, and the defaults.

The first docstring line of each class is its description in the generated JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct
from yaml import MappingNode

from proxy.config.auto_duration import AUTO, AutoOrDuration
from proxy.config.key_pool import NO_KEY, ApiKey
from proxy.config.plain_values import NO_POLICY, JsonValue, PolicyWords
from proxy.config.process_schema import Admin, Drain, Listen
from proxy.config.texts import PLAIN_TEXT, BaseUrl, HeaderName, RequestPath, Text
from proxy.config.typed_loader import Location, TypedLoader
from proxy.config.units import Seconds

PROVIDER_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
REGION_NAME = r"^[a-z][a-z0-9-]{0,63}$"

ProviderName = Annotated[str, Meta(pattern=PROVIDER_NAME)]
RegionName = Annotated[str, Meta(pattern=REGION_NAME)]
NonNegative = Annotated[float, Meta(ge=0)]
UpstreamModel = Annotated[str, Meta(pattern=PLAIN_TEXT)]


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values for requests that do not set them."""

    region: str = "us-east-1"
    """Where this sidecar runs, for requests without `X-User-Region`."""
    policy: PolicyWords = NO_POLICY
    """Routing options for all requests."""


class Timeouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timeouts of an attempt. `first_token`, `idle` and `content_idle` apply to streams, `response` to the rest."""

    connect: Seconds = Seconds(5)
    """TCP and TLS handshake."""
    first_token: Seconds = Seconds(120)
    """Streams: from the start of the attempt to the first content. By default up to 10 minutes if the request asks for
    reasoning, or while the provider sends events about its progress."""
    idle: Seconds = Seconds(60)
    """Streams: time without any byte after the first content. By default 10 minutes while a model that was asked to
    think has sent no text."""
    content_idle: Seconds = Seconds(300)
    """Streams: time without content, when only pings arrive."""
    response: Seconds = Seconds(300)
    """Non-streaming requests: the complete response. By default 10 minutes if the request asks for reasoning, or if no
    other target is left."""


class RegionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region of a provider."""

    residency: Annotated[str, Meta(pattern=r"^[A-Z]{2,8}$")] | None = None
    """Zone for `X-Data-Residency`: 2 to 8 capital letters. Known cloud regions have one by default: `EU` for member
    states, else a country code such as `US`, `UK`, `CH`."""
    base_url: BaseUrl | None = None
    """The regional endpoint. By default the provider's `base_url`."""
    body: dict[Text, Text] = {}
    """Members added to the requests sent to this region, such as `inference_geo: us`."""


class ProviderLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rate limits that the sidecar keeps to, of each account. A target at a limit is not used until there is room."""

    requests_per_minute: Annotated[int, Meta(ge=1)] | None = None
    """Attempts started within a minute, each counted until a minute after the end of its second."""
    tokens_per_minute: Annotated[int, Meta(ge=1)] | None = None
    """Tokens within a minute, of prompts and answers."""
    concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Attempts in flight. A stream is in flight until its end."""


class ProbeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Active health check: requests the list of models, free of charge, so that an outage shows without traffic."""

    every: Seconds = Seconds(10)
    """Interval, `1s` to `1h`."""
    timeout: Seconds = Seconds(3)
    """Time for a response, `100ms` to `60s`."""
    failures: Annotated[int, Meta(ge=1, le=100)] = 3
    """Consecutive failures after which the provider is `down`."""

    def __post_init__(self) -> None:
        if not 1 <= self.every <= 3600:
            raise ValueError("every: expected 1s to 1h")
        if not 0.1 <= self.timeout <= 60:
            raise ValueError("timeout: expected 100ms to 60s")


class ProviderConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vendor account: its URL, wire format and key."""

    dialect: str
    """The wire format that the provider speaks."""
    base_url: BaseUrl
    """As the vendor's own SDK takes it: `http://` or `https://`, without credentials, query or fragment."""
    api_key: ApiKey = NO_KEY
    """The key, or a list of keys. White space around it is stripped. A provider whose key is unset, empty or unreadable
    is disabled. Without `api_key` no key is sent."""
    auth: Literal["bearer", "x-api-key", "api-key", "x-goog-api-key"] | None = None
    """How the key is sent. By default as the dialect does."""
    path: RequestPath | None = None
    """Path of chat requests below `base_url`, for hosts with an unusual one. Begins with `/`. By default the dialect's.
    Other endpoints keep theirs."""
    query: dict[Text, Text] = {}
    """Query parameters added to every request."""
    headers: dict[HeaderName, Text] = {}
    """Headers added to every request."""
    weight: NonNegative = 1.0
    """Relative share in `automatic` and `weighted`. `0`: the last resort."""
    limits: ProviderLimits | None = None
    """Rate limits that the sidecar keeps to."""
    timeouts: Timeouts = Timeouts()
    """Time limits of one attempt."""
    probe: ProbeConfig | None = None
    """Periodic health checks. Without it none are sent."""
    regions: dict[RegionName, RegionConfig] = {}
    """Regional endpoints, by name. A provider without regions has one, `global`."""


class PriceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens."""

    input: NonNegative
    """USD per million tokens of the prompt."""
    output: NonNegative
    """USD per million tokens of the answer."""
    cached_input: NonNegative | None = None
    """The same for tokens that the provider read from its cache. By default as `input`."""
    cache_write: NonNegative | None = None
    """The same for tokens that the provider wrote to its cache. By default as `input`."""


class TargetParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes members of the request, other than `model`, `messages`, `stream` and `routing`."""

    default: dict[str, JsonValue] = {}
    """Members for requests that do not have them."""
    set: dict[str, JsonValue] = {}
    """Members that replace those of the request."""
    drop: tuple[str, ...] = ()
    """Members that are not sent."""


NO_PARAMS = TargetParams()


Unsupported = Literal[
    "tools",
    "images",
    "image_urls",
    "json_schema",
    "stream_options",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/completions",
    "/embeddings",
    "/images/edits",
    "/images/generations",
    "/images/variations",
    "/moderations",
]
"""What a deployment may lack."""


class ModelDeployment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model at a provider: its name there, its place in the order, price and limits."""

    model: UpstreamModel
    """The model's name at the provider."""
    provider: str | None = None
    """The provider, so that one can stand in a model several times under different keys. By default the key in the
    mapping."""
    priority: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Targets of a lower number come before all of a higher one."""
    weight: NonNegative | None = None
    """Relative share within the model. By default the provider's."""
    family: UpstreamModel | None = None
    """The model whose rules and list price apply, where the name does not tell it, as for a deployment or a fine-tuned
    model: `gpt-5` for a deployment of it. By default the `model`."""
    timeouts: Timeouts | None = None
    """Time limits of one attempt. By default the provider's."""
    price: PriceConfig | None = None
    """Price in USD per million tokens. By default that of the shipped list."""
    context_window: Annotated[int, Meta(ge=1)] | None = None
    """Tokens of prompt and answer together. By default that of the shipped list."""
    unsupported: tuple[Unsupported, ...] = ()
    """Capabilities, or paths of OpenAI's endpoints, that the deployment lacks. Requests that need them exclude it.
    `stream_options` is not sent to it, and `image_urls` are images that it would have to fetch: with
    `translate: fetch_images` it gets their data."""
    limits: ProviderLimits | None = None
    """Rate limits of this target alone, in addition to those of the provider."""
    only_after: tuple[Literal["context_length"], ...] = ()
    """Used only after another target has refused the prompt as too long, or if no other target is left."""
    params: TargetParams = NO_PARAMS
    """Changes of the request's members."""


class ModelHedge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a second attempt starts while the first is silent."""

    after: AutoOrDuration = AutoOrDuration(AUTO)
    """Time without content after which a second target is tried in parallel."""


class ModelFailover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs for a model from the options of `failover` in the pipeline."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] | None = None
    """Attempts after the first."""
    max_retry_after_wait: Seconds | None = None
    """Longest `Retry-After` after which the same target is retried."""
    hedge: Literal["off"] | ModelHedge | None = None
    """When a second attempt starts while the first is silent. The budget is that of all models."""
    resume: Literal["auto", "off"] | None = None
    """Whether a stream that was cut is continued at another target."""


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model: its targets, and the policy and failover of its requests."""

    targets: dict[str, UpstreamModel | ModelDeployment]
    """Provider to the model's name there, or to the options of the target."""
    policy: PolicyWords = NO_POLICY
    """Routing options for requests of this model."""
    failover: ModelFailover = ModelFailover()
    """What differs for this model from `failover` in the pipeline."""


RESERVED = ModelConfig.__struct_fields__
"""Names that no provider may have, because in a model they stand for something else."""

ShortModel = dict[str, UpstreamModel | ModelDeployment]
"""The short form of a model: provider -> model or its options."""


class ModelRow:
    """A model in its long form, or in the short form. Loaded as ModelConfig."""

    expected = "a mapping of targets"
    schema: ClassVar[dict[str, Any]] = {"type": "object"}

    @staticmethod
    def load_node(loader: TypedLoader, location: Location, kind: Any) -> Any:
        """Return the ModelConfig, or INVALID."""
        pairs = location.node.value if isinstance(location.node, MappingNode) else []
        if any(key.value in RESERVED for key, _ in pairs):
            return loader.load(location, ModelConfig)
        return ModelConfig(targets=loader.load(location, ShortModel))


class RoutingFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The routing file."""

    listen: Listen = Listen()
    """Address for applications."""
    admin: Admin = Admin()
    """Address for probes, metrics, reload and drain."""
    pipeline: list[Any] | None = None
    """Middlewares and their options. By default all, with their defaults."""
    defaults: Defaults = Defaults()
    """Values for requests that do not set them."""
    drain: Drain = Drain()
    """Graceful shutdown."""
    providers: dict[ProviderName, ProviderConfig]
    """Vendor accounts by name: dialect, address, key, limits, regions. A name has lower-case letters, digits, `_` and
    `-`, at most 64."""
    models: dict[str, ModelRow] = {}
    """Model names and the targets that serve them. Without it, applications request `provider/model`."""


class PartialFile(RoutingFile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is valid of a file without a valid section `providers`."""

    providers: dict[ProviderName, ProviderConfig] = {}
