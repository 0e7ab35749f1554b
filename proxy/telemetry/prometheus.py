"""What Prometheus is told: one table of families, made at each scrape from counters that are kept anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from proxy.telemetry.histogram import Histogram
from proxy.telemetry.observations import Labels, TargetTotals
from proxy.telemetry.request_counters import RequestCounters

# The edges that OpenTelemetry's conventions for generative AI advise.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKENS = tuple(4**power for power in range(14))
_OVERHEAD = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

_TARGET = ("provider", "region", "model")
_GENAI = ("gen_ai_provider_name", "server_region", "gen_ai_request_model")
STATUSES = ("healthy", "degraded", "down", "disabled")


@dataclass(frozen=True, slots=True)
class TargetSeries:
    """What is told of the targets with the same labels."""

    totals: TargetTotals
    in_flight: int = 0
    ejected: int = 0
    """Targets that are taken out at this moment."""
    cooling_down: int = 0
    requests_remaining: int | None = None
    """Of the rate limits, as the provider said last; the least of several."""
    tokens_remaining: int | None = None
    limit_used_ratio: float | None = None
    """Of the limit nearest to its end, the part (0-1) that is gone."""


@dataclass(frozen=True, slots=True)
class ConfigMetrics:
    """Which file is in force."""

    version: str
    generation: int
    digest: str
    last_reload_successful: bool
    reloads: Mapping[str, int] = field(default_factory=dict)
    """Changed files, by `applied` and `refused`."""


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Everything at one moment; none of it changes any more."""

    series: Mapping[Labels, TargetSeries]
    tally: RequestCounters
    statuses: Mapping[str, str]
    """Each provider's."""
    config: ConfigMetrics
    requests_in_flight: int
    """In hand."""
    buffered_bytes: int
    """Bytes."""
    stream_clients: int


Counted = Callable[[TargetSeries], float]
Gauged = Callable[[TargetSeries], float | None]

_COUNTERS: tuple[tuple[str, str, Counted], ...] = (
    ("parrot_attempts", "Attempts started.", lambda series: series.totals.counts.started),
    ("parrot_attempts_succeeded", "Attempts with content in hand.", lambda series: series.totals.counts.ok),
    ("parrot_streams_truncated", "Answers cut before their end.", lambda series: series.totals.counts.truncated),
    ("parrot_attempt_faults", "Failures that count against the uptime.", lambda series: series.totals.counts.faults),
    ("parrot_ejections", "Times a target was taken out for failing.", lambda series: series.totals.ejections),
    ("parrot_cost_usd", "Price of the answers, where it is known.", lambda series: series.totals.counts.cost_usd),
)
_GAUGES: tuple[tuple[str, str, Gauged], ...] = (
    ("parrot_attempts_in_flight", "Attempts that have not ended.", lambda series: series.in_flight),
    ("parrot_targets_ejected", "Targets taken out for failing.", lambda series: series.ejected),
    ("parrot_targets_cooling_down", "Targets left alone, as they asked.", lambda series: series.cooling_down),
    ("parrot_ratelimit_remaining_requests", "As the provider said last.", lambda series: series.requests_remaining),
    ("parrot_ratelimit_remaining_tokens", "As the provider said last.", lambda series: series.tokens_remaining),
    ("parrot_ratelimit_used_ratio", "Of the limit nearest to its end.", lambda series: series.limit_used_ratio),
)


def exposition(snapshot: MetricsSnapshot, accept: str) -> tuple[bytes, str]:
    """The text and its content type, in the format that suits the scraper."""
    encode, kind = choose_encoder(accept)
    registry = CollectorRegistry()
    registry.register(_Taken(snapshot))
    return encode(registry), kind


@dataclass(frozen=True, eq=False)
class _Taken(Collector):
    reading: MetricsSnapshot

    def collect(self) -> Iterator[Metric]:
        return chain(families(self.reading), ProcessCollector(registry=None).collect())


def families(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """Every family there is, with or without samples."""
    yield from _of_targets(snapshot.series)
    yield from _genai(snapshot.series)
    yield from _of_requests(snapshot)
    yield from _of_config(snapshot.config)


def _of_targets(series: Mapping[Labels, TargetSeries]) -> Iterator[Metric]:
    for name, text, counted in _COUNTERS:
        counter = CounterMetricFamily(name, text, labels=_TARGET)
        for labels, each in series.items():
            counter.add_metric(labels, counted(each))
        yield counter
    failed = CounterMetricFamily("parrot_attempts_failed", "Attempts failed, by class.", labels=(*_TARGET, "trigger"))
    for labels, each in series.items():
        for trigger, count in sorted(each.totals.counts.failed.items()):
            failed.add_metric((*labels, trigger), count)
    yield failed
    for name, text, gauged in _GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=_TARGET)
        for labels, each in series.items():
            if (value := gauged(each)) is not None:
                gauge.add_metric(labels, value)
        yield gauge


def _genai(series: Mapping[Labels, TargetSeries]) -> Iterator[Metric]:
    duration = HistogramMetricFamily("gen_ai_server_request_duration_seconds", "Of whole answers.", labels=_GENAI)
    first = HistogramMetricFamily("gen_ai_server_time_to_first_token_seconds", "Of streams.", labels=_GENAI)
    tokens = HistogramMetricFamily(
        "gen_ai_client_token_usage", "Tokens by answer.", labels=(*_GENAI, "gen_ai_token_type")
    )
    for labels, each in series.items():
        _add(duration, labels, each.totals.counts.latency, _SECONDS)
        _add(first, labels, each.totals.counts.ttft, _FIRST)
        _add(tokens, (*labels, "input"), each.totals.prompt_tokens, _TOKENS)
        _add(tokens, (*labels, "output"), each.totals.completion_tokens, _TOKENS)
    yield from (duration, first, tokens)


def _of_requests(reading: MetricsSnapshot) -> Iterator[Metric]:
    tally = reading.tally
    requests = CounterMetricFamily("parrot_requests", "Requests ended.", labels=("endpoint", "status", "outcome"))
    for labels, count in sorted(tally.requests.items()):
        requests.add_metric(labels, count)
    failovers = CounterMetricFamily("parrot_failovers", "Further attempts of a request.", labels=("from", "to"))
    for (before, after), count in sorted(tally.failovers.items()):
        failovers.add_metric((before, after), count)
    yield from _of_rescues(tally)
    overhead = HistogramMetricFamily("parrot_overhead_seconds", "The sidecar's own time, to the answer's headers.")
    _add(overhead, (), tally.overhead_s, _OVERHEAD)
    status = GaugeMetricFamily("parrot_provider_status", "1 for what it is.", labels=("provider", "status"))
    for provider, what in reading.statuses.items():
        for each in STATUSES:
            status.add_metric((provider, each), each == what)
    yield from (requests, failovers, overhead, status)
    yield GaugeMetricFamily("parrot_requests_in_flight", "Requests in hand.", reading.requests_in_flight)
    yield GaugeMetricFamily("parrot_buffered_bytes", "Of request bodies held.", reading.buffered_bytes)
    yield GaugeMetricFamily("parrot_stream_clients", "Who follow the providers' health.", reading.stream_clients)


def _of_rescues(tally: RequestCounters) -> Iterator[Metric]:
    hedges = CounterMetricFamily("parrot_hedges", "Second attempts beside a slow one.", labels=("provider", "result"))
    for hedge, count in sorted(tally.hedges.items()):
        hedges.add_metric(hedge, count)
    resumes = CounterMetricFamily("parrot_resumes", "Cut streams that may go on elsewhere.", labels=("result",))
    for result, count in sorted(tally.resumes.items()):
        resumes.add_metric((result,), count)
    probes = CounterMetricFamily("parrot_probes", "Probes ended.", labels=("provider", "region", "outcome"))
    for probe, count in sorted(tally.probes.items()):
        probes.add_metric(probe, count)
    yield from (hedges, resumes, probes)


def _of_config(config: ConfigMetrics) -> Iterator[Metric]:
    good = config.last_reload_successful
    yield GaugeMetricFamily("parrot_config_last_reload_successful", "0: an older file is in force.", good)
    reloads = CounterMetricFamily("parrot_config_reloads", "Changed files that were read.", labels=("result",))
    for result in ("applied", "refused"):
        reloads.add_metric((result,), config.reloads.get(result, 0))
    yield reloads
    yield GaugeMetricFamily("parrot_config_generation", "Files taken up, the first included.", config.generation)
    info = GaugeMetricFamily("parrot_config_info", "Which file is in force.", labels=("hash",))
    info.add_metric((config.digest,), 1)
    build = GaugeMetricFamily("parrot_build_info", "Which version runs.", labels=("version",))
    build.add_metric((config.version,), 1)
    yield from (info, build)


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], seen: Histogram, edges: tuple[float, ...]) -> None:
    """Nothing where nothing was counted: most targets of a file are idle."""
    if seen.samples:
        counts = zip(edges, seen.cumulative_counts(edges), strict=True)
        buckets = [(str(float(edge)), float(count)) for edge, count in counts] + [("+Inf", float(seen.samples))]
        family.add_metric(labels, buckets, seen.total)
