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
from proxy.config.texts import PLAIN_TEXT, BaseUrl, HeaderName, RequestPath, Text
from proxy.config.typed_loader import Location, TypedLoader
from proxy.config.units import Seconds, Secret

PROVIDER_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
HOST_PATTERN = r"^[^\s/]+$"
REGION_NAME = r"^[a-z][a-z0-9-]{0,63}$"

ProviderName = Annotated[str, Meta(pattern=PROVIDER_NAME)]
RegionName = Annotated[str, Meta(pattern=REGION_NAME)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Host = Annotated[str, Meta(pattern=HOST_PATTERN)]
NonNegative = Annotated[float, Meta(ge=0)]
UpstreamModel = Annotated[str, Meta(pattern=PLAIN_TEXT)]


class Listen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The listener for applications."""

    host: Host | Annotated[tuple[Host, ...], Meta(min_length=1)] = "127.0.0.1"
    """Address or name, or a list of them. Other than loopback they require keys under `pipeline: auth`."""
    port: Port = 8090
    """The same for all addresses. 0 selects a free port."""
    unix: Annotated[str, Meta(pattern=r"^[^\0]+$")] | None = None
    """Path of a unix socket, used instead of host and port."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses or names to listen on."""
        return (self.host,) if isinstance(self.host, str) else self.host

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ValueError("host: expected an address such as 127.0.0.1, or a list of them, got an empty list")


class Admin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The listener for health checks and metrics. With `key`, reload and drain are allowed from other machines too."""

    host: Host = "127.0.0.1"
    """Probes of Kubernetes and Prometheus need 0.0.0.0."""
    port: Port = 9464
    """0 selects a free port."""
    key: Secret | None = None
    """Bearer token that permits reload and drain from other hosts."""


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values for requests that do not set them."""

    region: str = "us-east-1"
    policy: PolicyWords = NO_POLICY


class Drain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After SIGTERM: keep accepting requests for `delay`, then wait up to `timeout` for running ones."""

    delay: Seconds = Seconds(0)
    """Time after SIGTERM in which new requests are still accepted."""
    timeout: Seconds = Seconds(25)
    """Time after that in which running requests may finish."""


class Timeouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timeouts of an attempt. `first_token`, `idle` and `content_idle` apply to streams, `response` to the rest."""

    connect: Seconds = Seconds(5)
    """TCP and TLS handshake."""
    first_token: Seconds = Seconds(120)
    """Streams: from the start of the attempt to the first content."""
    idle: Seconds = Seconds(60)
    """Streams: time without any byte after the first content."""
    content_idle: Seconds = Seconds(300)
    """Streams: time without content, when only pings arrive."""
    response: Seconds = Seconds(300)
    """Non-streaming requests: the complete response."""


class RegionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region of a provider."""

    residency: Annotated[str, Meta(pattern=r"^[A-Z]{2,8}$")] | None = None
    base_url: BaseUrl | None = None
    body: dict[Text, Text] = {}
    """Members added to the requests sent to this region."""


class ProviderLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rate limits that the sidecar keeps to, of each account. A target at a limit is not used until there is room."""

    requests_per_minute: Annotated[int, Meta(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Meta(ge=1)] | None = None
    concurrency: Annotated[int, Meta(ge=1)] | None = None


class ProbeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Active health check: requests the list of models, free of charge, so that an outage shows without traffic."""

    every: Seconds = Seconds(10)
    """1s to 1h."""
    timeout: Seconds = Seconds(3)
    """100ms to 60s."""
    failures: Annotated[int, Meta(ge=1, le=100)] = 3
    """Consecutive failures after which the provider is down."""

    def __post_init__(self) -> None:
        if not 1 <= self.every <= 3600:
            raise ValueError("every: expected 1s to 1h")
        if not 0.1 <= self.timeout <= 60:
            raise ValueError("timeout: expected 100ms to 60s")


class ProviderConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vendor account: its URL, wire format and key."""

    dialect: str
    base_url: BaseUrl
    api_key: ApiKey = NO_KEY
    auth: Literal["bearer", "x-api-key", "api-key", "x-goog-api-key"] | None = None
    path: RequestPath | None = None
    query: dict[Text, Text] = {}
    headers: dict[HeaderName, Text] = {}
    weight: NonNegative = 1.0
    limits: ProviderLimits | None = None
    timeouts: Timeouts = Timeouts()
    probe: ProbeConfig | None = None
    regions: dict[RegionName, RegionConfig] = {}


class PriceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens."""

    input: NonNegative
    output: NonNegative
    cached_input: NonNegative | None = None
    cache_write: NonNegative | None = None


class TargetParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members of the request: `default` where it has none, `set` always, `drop` never."""

    default: dict[str, JsonValue] = {}
    set: dict[str, JsonValue] = {}
    drop: tuple[str, ...] = ()


NO_PARAMS = TargetParams()


class ModelDeployment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model at a provider: its name there, its place in the order, price and limits."""

    model: UpstreamModel
    provider: str | None = None
    """By default the key of the deployment."""
    priority: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Targets of a lower number come before all of a higher one."""
    weight: NonNegative | None = None
    """By default the provider's."""
    family: UpstreamModel | None = None
    """The model whose rules this one follows, if its name does not tell."""
    timeouts: Timeouts | None = None
    price: PriceConfig | None = None
    context_window: Annotated[int, Meta(ge=1)] | None = None
    unsupported: tuple[Literal["tools", "images", "json_schema"], ...] = ()
    limits: ProviderLimits | None = None
    """In addition to those of the provider."""
    only_after: tuple[Literal["context_length"], ...] = ()
    """Used only after a failure of one of these classes."""
    params: TargetParams = NO_PARAMS


class ModelHedge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a second attempt starts while the first is silent."""

    after: AutoOrDuration = AutoOrDuration(AUTO)


class ModelFailover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs for a model from the options of `failover` in the pipeline."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] | None = None
    max_retry_after_wait: Seconds | None = None
    hedge: Literal["off"] | ModelHedge | None = None
    resume: Literal["auto", "off"] | None = None


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model: its targets, and the policy and failover of its requests."""

    targets: dict[str, UpstreamModel | ModelDeployment]
    policy: PolicyWords = NO_POLICY
    failover: ModelFailover = ModelFailover()


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
    admin: Admin = Admin()
    pipeline: list[Any] | None = None
    defaults: Defaults = Defaults()
    drain: Drain = Drain()
    providers: dict[ProviderName, ProviderConfig]
    models: dict[str, ModelRow] = {}


class PartialFile(RoutingFile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is valid of a file without a valid section `providers`."""

    providers: dict[ProviderName, ProviderConfig] = {}
