"""The options of streams: how a quiet one is kept open, and when its headers go out."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.config.auto_duration import AUTO, OFF, AutoOrDuration
from proxy.config.units import Seconds


@dataclass(frozen=True, slots=True)
class SsePassthrough:
    """Read by the request's lifecycle, which writes the stream."""

    ping: Seconds = Seconds(15)
    """Time without an event after which a ping is sent."""
    early_commit: AutoOrDuration = AutoOrDuration(OFF)
    """Time without content after which the caller gets its 200 and pings. A later failure is an error in the stream."""

    def __post_init__(self) -> None:
        if self.early_commit == AUTO:
            raise ValueError("early_commit: expected off, or a duration such as 10s")
