"""A file whose providers differ in health, and what was observed of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.config.snapshot import Snapshot
from proxy.control.health import Moment
from proxy.exchange import Services
from proxy.telemetry.health import Standing
from proxy.telemetry.observations import Spent
from tests.fakes import PIPELINE, Clock, Log, Transport, generation

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
SPENT = Spent(10, 20, 0.001)
WALL = 1_700_000_000.0


def file() -> Snapshot:
    return generation(FILE).snapshot


@dataclass
class Seen:
    """Services on a clock of one's own, and ways to fill them."""

    standings: dict[str, Standing] = field(default_factory=dict)
    clock: Clock = field(default_factory=lambda: Clock(1000.0))
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.services = Services(
            Transport([]),
            self.log.logger,
            self.clock,
            lambda: WALL + self.clock.now,
        )
        self.services.board.standing = lambda target, now: self.standings.get(target, Standing())

    @property
    def moment(self) -> Moment:
        return Moment(self.clock.now, WALL + self.clock.now)

    def good(self, target: str, seconds: float = 0.5, times: int = 1, spent: Spent = SPENT) -> None:
        """Answers whose first content came after half that time."""
        for _ in range(times):
            flight = self.services.observations.started(target, self.clock.now - seconds)
            flight.succeeded(self.clock.now - seconds / 2)
            flight.finished(self.clock.now, spent)

    def bad(self, target: str, trigger: str = "server_error", times: int = 1) -> None:
        for _ in range(times):
            flight = self.services.observations.started(target, self.clock.now)
            flight.failed(trigger, self.clock.now, fault=trigger != "rate_limit")
