"""The options of streams: how a quiet one is kept open, and when its headers go out."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from proxy.config.auto_duration import OFF, OffOrDuration
from proxy.config.units import Seconds


@dataclass(frozen=True, slots=True)
class SsePassthrough:
    """Read by the request's lifecycle, which writes the stream."""

    ping: Seconds = Seconds(15)
    """Interval of keep-alive comments while a stream is silent."""
    early_commit: OffOrDuration = OffOrDuration(OFF)
    """After this time without content the 200 and pings are sent. Such a response has no `X-Provider` headers, and a
    later failure is an error event."""

    @classmethod
    def off(cls) -> SsePassthrough:
        """Return the options with which nothing is added to a stream."""
        return cls(ping=Seconds(inf))
