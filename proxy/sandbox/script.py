"""A reply as the steps that send it, so that a fault is another list of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from proxy.sandbox.contract import EVENT_STREAM, Reply


@dataclass(frozen=True, slots=True)
class Wait:
    """Say nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SendHead:
    """Send the status line and the headers."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendBody:
    """Send bytes of the body: one event, or a whole answer."""

    data: bytes


class AbruptEnd(Enum):
    """Leave without having finished."""

    CLOSE = "close"
    """FIN where more was promised."""
    RESET = "reset"
    """RST."""
    STALL = "stall"
    """Stay connected and silent until the client gives up."""


Step = Wait | SendHead | SendBody | AbruptEnd
Script = Sequence[Step]


def reply_script(reply: Reply, latency: float = 0.0, chunk_delay: float = 0.0) -> list[Step]:
    """All of a reply; `latency` seconds before its first byte and `chunk_delay` before each further event."""
    headers = dict(reply.headers)
    if headers.get("content-type") != EVENT_STREAM:
        headers["content-length"] = str(sum(map(len, reply.frames)))
    steps: list[Step] = [Wait(latency)] if latency else []
    steps.append(SendHead(reply.status, headers))
    for number, frame in enumerate(reply.frames):
        if number and chunk_delay:
            steps.append(Wait(chunk_delay))
        steps.append(SendBody(frame))
    return steps
