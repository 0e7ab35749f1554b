"""The metrics in Prometheus' text formats: metric families are created at each scrape from counters kept anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from proxy.telemetry.histogram import Histogram
from proxy.telemetry.request_counters import RequestCounters
from proxy.telemetry.target_totals import Labels, TargetTotals

# Bucket boundaries that OpenTelemetry's conventions for generative AI advise.
_DURATION_BUCKETS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TTFT_BUCKETS_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKEN_BUCKETS = tuple(4**power for power in range(14))
_OVERHEAD_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

_TARGET_LABELS = ("provider", "region", "model")
_GEN_AI_LABELS = ("gen_ai_provider_name", "server_region", "gen_ai_request_model")
STATUSES = ("healthy", "degraded", "down", "disabled")


@dataclass(frozen=True, slots=True)
class TargetSeries:
    """The values of all targets with the same labels."""

    totals: TargetTotals
    in_flight: int = 0
    ejected: int = 0
    """Targets that are ejected now."""
    cooling_down: int = 0
    """Targets that are cooling down now."""
    requests_remaining: int | None = None
    """Of the provider's rate limit as it was received last, of several targets the smallest."""
    tokens_remaining: int | None = None
    limit_used_ratio: float | None = None
    """Used part (0-1) of the limit that is used most."""


@dataclass(frozen=True, slots=True)
class ConfigMetrics:
    """The active configuration."""

    version: str
    """Of Parrot Sidecar."""
    generation: int
    digest: str
    last_reload_successful: bool
    reloads: Mapping[str, int] = field(default_factory=dict)
    """Changed files by result: `applied` or `rejected`."""


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """All values at one moment, copied so that they can be written in another thread."""

    series: Mapping[Labels, TargetSeries]
    counters: RequestCounters
    statuses: Mapping[str, str]
    """By provider."""
    config: ConfigMetrics
    requests_in_flight: int
    buffered_bytes: int
    stream_clients: int


_COUNTERS: tuple[tuple[str, str, Callable[[TargetSeries], float]], ...] = (
    ("parrot_attempts", "Attempts started.", lambda series: series.totals.counts.started),
    ("parrot_attempts_succeeded", "Attempts that received content.", lambda series: series.totals.counts.ok),
    ("parrot_streams_truncated", "Responses cut off after content.", lambda series: series.totals.counts.truncated),
    ("parrot_attempt_faults", "Failures that count against the uptime.", lambda series: series.totals.counts.faults),
    ("parrot_ejections", "Ejections by the circuit breaker.", lambda series: series.totals.ejections),
    ("parrot_cost_usd", "Cost of responses, where prices are known.", lambda series: series.totals.counts.cost_usd),
)
_GAUGES: tuple[tuple[str, str, Callable[[TargetSeries], float | None]], ...] = (
    ("parrot_attempts_in_flight", "Attempts in flight.", lambda series: series.in_flight),
    ("parrot_targets_ejected", "Targets ejected by the circuit breaker.", lambda series: series.ejected),
    ("parrot_targets_cooling_down", "Targets that are cooling down.", lambda series: series.cooling_down),
    (
        "parrot_ratelimit_remaining_requests",
        "Requests left, as received last.",
        lambda series: series.requests_remaining,
    ),
    ("parrot_ratelimit_remaining_tokens", "Tokens left, as received last.", lambda series: series.tokens_remaining),
    ("parrot_ratelimit_used_ratio", "Used part of the most used limit.", lambda series: series.limit_used_ratio),
)


def exposition(snapshot: MetricsSnapshot, accept: str) -> tuple[bytes, str]:
    """Return the text and its content type, in the format that the `Accept` header requests."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(snapshot))
    return encode(registry), content_type


@dataclass(frozen=True, eq=False)
class _SnapshotCollector(Collector):
    snapshot: MetricsSnapshot

    def collect(self) -> Iterator[Metric]:
        return chain(families(self.snapshot), ProcessCollector(registry=None).collect())


def families(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """Yield every metric family, with or without samples."""
    yield from _target_families(snapshot.series)
    yield from _gen_ai_families(snapshot.series)
    yield from _request_families(snapshot)
    yield from _config_families(snapshot.config)


def _target_families(series: Mapping[Labels, TargetSeries]) -> Iterator[Metric]:
    for name, text, count in _COUNTERS:
        counter = CounterMetricFamily(name, text, labels=_TARGET_LABELS)
        for labels, each in series.items():
            counter.add_metric(labels, count(each))
        yield counter
    failed = CounterMetricFamily("parrot_attempts_failed", "Failures by class.", labels=(*_TARGET_LABELS, "trigger"))
    for labels, each in series.items():
        for trigger, failures in sorted(each.totals.counts.failed.items()):
            failed.add_metric((*labels, trigger), failures)
    yield failed
    for name, text, measure in _GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=_TARGET_LABELS)
        for labels, each in series.items():
            if (value := measure(each)) is not None:
                gauge.add_metric(labels, value)
        yield gauge


def _gen_ai_families(series: Mapping[Labels, TargetSeries]) -> Iterator[Metric]:
    duration = HistogramMetricFamily(
        "gen_ai_server_request_duration_seconds", "Time to the end of complete responses.", labels=_GEN_AI_LABELS
    )
    ttft = HistogramMetricFamily(
        "gen_ai_server_time_to_first_token_seconds", "Time to first content of streams.", labels=_GEN_AI_LABELS
    )
    tokens = HistogramMetricFamily(
        "gen_ai_client_token_usage", "Tokens by response.", labels=(*_GEN_AI_LABELS, "gen_ai_token_type")
    )
    for labels, each in series.items():
        _add_histogram(duration, labels, each.totals.counts.latency, _DURATION_BUCKETS_S)
        _add_histogram(ttft, labels, each.totals.counts.ttft, _TTFT_BUCKETS_S)
        _add_histogram(tokens, (*labels, "input"), each.totals.prompt_tokens, _TOKEN_BUCKETS)
        _add_histogram(tokens, (*labels, "output"), each.totals.completion_tokens, _TOKEN_BUCKETS)
    yield from (duration, ttft, tokens)


def _request_families(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    counters = snapshot.counters
    requests = CounterMetricFamily("parrot_requests", "Requests ended.", labels=("endpoint", "status", "outcome"))
    for labels, count in sorted(counters.requests.items()):
        requests.add_metric(labels, count)
    refused = CounterMetricFamily(
        "parrot_requests_refused", "Refused before they were requests.", labels=("code", "status")
    )
    for refusal, count in sorted(counters.refusals.items()):
        refused.add_metric(refusal, count)
    failovers = CounterMetricFamily("parrot_failovers", "Further attempts of a request.", labels=("from", "to"))
    for (before, after), count in sorted(counters.failovers.items()):
        failovers.add_metric((before, after), count)
    overhead = HistogramMetricFamily("parrot_overhead_seconds", "The sidecar's own time until the response headers.")
    _add_histogram(overhead, (), counters.overhead_s, _OVERHEAD_BUCKETS_S)
    statuses = GaugeMetricFamily("parrot_provider_status", "1 for the current status.", labels=("provider", "status"))
    for provider, current in snapshot.statuses.items():
        for status in STATUSES:
            statuses.add_metric((provider, status), status == current)
    yield from (requests, refused, failovers, *_recovery_families(counters), overhead, statuses)
    yield GaugeMetricFamily("parrot_requests_in_flight", "Requests in flight.", snapshot.requests_in_flight)
    yield GaugeMetricFamily("parrot_buffered_bytes", "Bytes that limits: max_buffered counts.", snapshot.buffered_bytes)
    yield GaugeMetricFamily("parrot_stream_clients", "Clients of the health stream.", snapshot.stream_clients)


def _recovery_families(counters: RequestCounters) -> Iterator[Metric]:
    hedges = CounterMetricFamily("parrot_hedges", "Hedged attempts.", labels=("provider", "result"))
    for hedge, count in sorted(counters.hedges.items()):
        hedges.add_metric(hedge, count)
    resumes = CounterMetricFamily("parrot_resumes", "Truncated streams that could be resumed.", labels=("result",))
    for result, count in sorted(counters.resumes.items()):
        resumes.add_metric((result,), count)
    probes = CounterMetricFamily("parrot_probes", "Health probes ended.", labels=("provider", "region", "outcome"))
    for probe, count in sorted(counters.probes.items()):
        probes.add_metric(probe, count)
    yield from (hedges, resumes, probes)


def _config_families(config: ConfigMetrics) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "parrot_config_last_reload_successful",
        "0 if the latest change of the file was rejected.",
        config.last_reload_successful,
    )
    reloads = CounterMetricFamily("parrot_config_reloads", "Changed files.", labels=("result",))
    for result in ("applied", "rejected"):
        reloads.add_metric((result,), config.reloads.get(result, 0))
    yield reloads
    yield GaugeMetricFamily(
        "parrot_config_generation", "Configurations applied, including the first.", config.generation
    )
    info = GaugeMetricFamily("parrot_config_info", "Hash of the active configuration.", labels=("hash",))
    info.add_metric((config.digest,), 1)
    build = GaugeMetricFamily("parrot_build_info", "Version of Parrot Sidecar.", labels=("version",))
    build.add_metric((config.version,), 1)
    yield from (info, build)


def _add_histogram(
    family: HistogramMetricFamily, labels: tuple[str, ...], histogram: Histogram, edges: tuple[float, ...]
) -> None:
    """Add a histogram unless it is empty: most targets of a file are idle."""
    if histogram.samples:
        counts = zip(edges, histogram.cumulative_counts(edges), strict=True)
        buckets = [(str(float(edge)), float(count)) for edge, count in counts] + [("+Inf", float(histogram.samples))]
        family.add_metric(labels, buckets, histogram.total)
