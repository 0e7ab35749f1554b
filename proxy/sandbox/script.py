"""Scripts: the steps that send a reply, such as waiting, sending headers or an event, or breaking the connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from proxy.sandbox.contract import EVENT_STREAM, Reply


@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing for that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SendHead:
    """Send the status line and the headers."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendBody:
    """Send bytes of the body: one event, or the complete body."""

    data: bytes


class AbruptEnd(Enum):
    """End without completing the response."""

    CLOSE = "close"
    """Close the connection (FIN) before the end of the body."""
    RESET = "reset"
    """Reset the connection (RST)."""
    STALL = "stall"
    """Keep the connection open and send nothing, until the client gives up."""


Step = Wait | SendHead | SendBody | AbruptEnd
Script = Sequence[Step]


def reply_script(reply: Reply, latency_s: float = 0.0, chunk_delay_s: float = 0.0) -> list[Step]:
    """Build the steps that send the whole reply.

    Waits `latency_s` before the first byte and `chunk_delay_s` before each event after the first.
    """
    headers = dict(reply.headers)
    if headers.get("content-type") != EVENT_STREAM:
        headers["content-length"] = str(sum(map(len, reply.frames)))
    steps: list[Step] = [Wait(latency_s)] if latency_s else []
    steps.append(SendHead(reply.status, headers))
    for number, frame in enumerate(reply.frames):
        if number and chunk_delay_s:
            steps.append(Wait(chunk_delay_s))
        steps.append(SendBody(frame))
    return steps
