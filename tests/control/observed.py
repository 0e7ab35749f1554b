"""A runtime with recorded results, for tests of the reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.config.snapshot import Snapshot
from proxy.control.health import ReportTime
from proxy.exchange import Runtime
from proxy.resilience.availability import Availability
from proxy.telemetry.observations import AttemptUsage
from tests.fakes import PIPELINE, Clock, FakeTransport, MemoryLog, generation

FILE = f"""
pipeline: {PIPELINE.replace("limits", "{limits: {max_inflight: 8}}")}
providers:
  a: {{dialect: openai, base_url: "https://a.test/v1", regions: {{us: {{}}, eu: {{}}}}}}
  b: {{dialect: openai, base_url: "https://b.test/v1"}}
  off: {{dialect: openai, base_url: "https://off.test/v1", api_key: "${{OFF_KEY}}"}}
  idle: {{dialect: openai, base_url: "https://idle.test/v1"}}
models:
  m: {{a: m-a, b: m-b, off: m-off}}
  n: {{a: n-a}}
  "x-*": {{b: "*"}}
"""
USAGE = AttemptUsage(10, 20, 0.001)
WALL = 1_700_000_000.0


def file() -> Snapshot:
    return generation(FILE).snapshot


@dataclass
class ObservedRuntime:
    """A runtime with a controlled clock, and methods to record results in it."""

    availabilities: dict[str, Availability] = field(default_factory=dict)
    clock: Clock = field(default_factory=lambda: Clock(1000.0))
    log: MemoryLog = field(default_factory=MemoryLog)

    def __post_init__(self) -> None:
        self.runtime = Runtime.create(
            FakeTransport([]),
            self.log.logger,
            self.clock,
            lambda: WALL + self.clock.now,
        )
        self.runtime.routing.signals.availability = lambda target, now: self.availabilities.get(target, Availability())

    @property
    def moment(self) -> ReportTime:
        return ReportTime(self.clock.now, WALL + self.clock.now)

    def add_successes(self, target: str, seconds: float = 0.5, times: int = 1, spent: AttemptUsage = USAGE) -> None:
        """Record responses of `seconds`, with the first content after half of them."""
        for _ in range(times):
            recorder = self.runtime.telemetry.observations.start_attempt(target, self.clock.now - seconds)
            recorder.record_content(self.clock.now - seconds / 2)
            recorder.record_finish(self.clock.now, spent)

    def add_failures(self, target: str, trigger: str = "server_error", times: int = 1) -> None:
        for _ in range(times):
            recorder = self.runtime.telemetry.observations.start_attempt(target, self.clock.now)
            recorder.record_failure(trigger, self.clock.now, fault=trigger != "rate_limit")
