"""What a listener's connections hand their requests to."""

from __future__ import annotations

from typing import Protocol

from proxy.deadline_timer import DeadlineTimer
from proxy.lifecycle import RequestLifecycle
from proxy.memory_account import Load
from proxy.messages import Request, Response
from proxy.response_writer import Client
from proxy.telemetry.refusals import Refusals


class RequestHost(Protocol):
    """Serves the requests of a listener's connections."""

    draining: bool
    """Whether the process is about to stop: connections are closed after their response."""
    timer: DeadlineTimer
    load: Load
    refusals: Refusals
    """Counts and logs what is refused before it is a request."""

    def wall(self) -> float:
        """Return the seconds since 1970."""

    def begin(self, request: Request, client: Client) -> RequestLifecycle:
        """Return the lifecycle of a new request, not yet started."""

    def preflight(self, request: Request) -> Response | None:
        """Return the response to a CORS preflight, or None for any other request."""
