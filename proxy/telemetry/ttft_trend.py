"""Whether a target's first content takes much longer than usual: the median of five minutes against that of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from proxy.telemetry.window import MAX_WINDOW_S, Bucket, Window

RECENT_S = 300.0
MIN_SAMPLES = 20
SLOW_FACTOR = 3.0
REFRESH_S = 5.0
_USUAL_REFRESH_S = 60.0
"""The hour's median is costly to add up and changes slowly."""


@dataclass(slots=True)
class TtftTrend:
    """One target's trend as it was measured last. `measure` it again when `is_due`."""

    window: Window
    samples: int = 0
    """First contents of streams in the last five minutes."""
    is_slow: bool = False
    """Whether their median exceeds three times that of the last hour."""
    measured_at: float = -inf
    _usual_s: float | None = None
    _usual_at: float = -inf

    def is_due(self, now: float) -> bool:
        """Whether the last measurement is out of date."""
        return now - self.measured_at >= REFRESH_S

    def measure(self, now: float, recent: Bucket | None = None) -> None:
        """Compare the two medians now. `recent` is the sum of the last five minutes, if it is known already."""
        ttft = (recent or self.window.sum_over(RECENT_S, now)).ttft
        median = ttft.percentile(50) if ttft.samples >= MIN_SAMPLES else None
        usual = None if median is None else self.usual_s(now)
        self.samples, self.measured_at = ttft.samples, now
        self.is_slow = median is not None and usual is not None and median > SLOW_FACTOR * usual

    def usual_s(self, now: float) -> float | None:
        """Return the hour's median in seconds, at most a minute old."""
        if now - self._usual_at >= _USUAL_REFRESH_S:
            self._usual_s, self._usual_at = self.window.sum_over(MAX_WINDOW_S, now).ttft.percentile(50), now
        return self._usual_s
