"""The interface between what runs an attempt and what decides over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from proxy.errors import ParrotError
from proxy.exchange import Attempt


class Call(Protocol):
    """One attempt as it runs."""

    attempt: Attempt
    listener: CallListener
    """Receives what happens. May be replaced while the call runs."""
    headers: Mapping[str, str]
    """The response's headers in lower case, once there are any."""

    def start(self) -> None:
        """Send the request. The listener may be called before this returns, with a failure."""

    def pause(self) -> None:
        """Slow the provider down, because the caller does not take what it sends."""

    def resume(self) -> None:
        """Read on after `pause`."""

    def abort(self) -> None:
        """Stop at once. The listener is not called again."""

    def translate_rest(self) -> bytes:
        """Return what the translation of a stream held back for its end. Nothing may be fed to it afterwards."""

    def drain(self) -> None:
        """Read the rest of the response for a moment without using it, so that the connection can be used again."""


class CallListener(Protocol):
    """Receives what happens to a call: one of the first two or `on_failure` first, then the rest of a stream."""

    def on_response(self, call: Call, body: bytes) -> None:
        """Take the complete response, translated. Nothing follows."""

    def on_content(self, call: Call, data: bytes) -> None:
        """Take the first events of a stream, translated, up to and with the first content."""

    def on_data(self, call: Call, data: bytes) -> None:
        """More events of the stream, whole and translated. The attempt's completion state knows more than before."""

    def on_end(self, call: Call) -> None:
        """Take the end of the stream, which may have broken after it was complete."""

    def on_failure(self, call: Call, failure: ParrotError) -> None:
        """Take the failure of the attempt.

        An UpstreamError. An InvalidRequestError if nothing was sent because the target's format cannot express the
        request. Or another ParrotError where neither is at fault, as a ResourceExhaustedError.
        """


class StreamWriter(Protocol):
    """Where a stream goes."""

    def write(self, data: bytes) -> None:
        """Take whole events."""

    def finish(self, outcome: str) -> None:
        """Take the end of the stream, and how it ended."""

    def wake_by(self, due: float) -> None:
        """Have `check` of the run or relay that writes here called at that moment (`loop.time()`) or before."""

    def crash(self, error: Exception) -> None:
        """End the request because of an unexpected exception."""


StartCall = Callable[[Attempt, CallListener], Call]
"""Makes the call of an attempt. `Call.start` starts it."""


class Crashable(Protocol):
    """Something that belongs to a request, and can end it."""

    def crash(self, call: Call, error: Exception) -> None:
        """Abort the call and end the request, because of an unexpected exception."""


T = TypeVar("T", bound=Crashable)
P = ParamSpec("P")


def ends_request_on_exception(
    method: Callable[Concatenate[T, Call, P], None],
) -> Callable[Concatenate[T, Call, P], None]:
    """Decorate a callback of the event loop. An exception must not reach the loop, where the request would be forgotten."""

    @wraps(method)
    def run(self: T, call: Call, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, call, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 (the caller gets a plain 500, the log the traceback)
            self.crash(call, error)

    return run
