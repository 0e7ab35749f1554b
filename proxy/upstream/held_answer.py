"""Holds an answer back until its first content, by what kind of answer it is: events, or bytes that pass as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from proxy.attempts.translation import stream_transform
from proxy.errors import MalformedResponse
from proxy.exchange import Attempt
from proxy.sse import Event
from proxy.upstream import limits
from proxy.upstream.held_bytes import HeldBytes
from proxy.upstream.held_stream import HeldStream

ANY_CONTENT = frozenset({"files", "image_edits", "image_variations", "speech", "transcriptions", "translations"})
"""Endpoints whose answer is of the kind that its content type tells: JSON, events, or any bytes."""

HeldAnswer = HeldStream | HeldBytes


def held_answer(
    attempt: Attempt, headers: Mapping[str, str], has_content: Callable[[Event], bool]
) -> HeldAnswer | None:
    """Return what holds the beginning of a 200 answer, or None for JSON, which is held until its end.

    `has_content` is that of the dialect, for events.
    Raises MalformedResponse where a stream was requested and the answer is none.
    """
    kind = headers.get("content-type", "no content type")
    name = kind.partition(";")[0].strip().lower()
    if name == "text/event-stream":
        max_bytes = limits.max_held_back_bytes(attempt.provider_request.body)
        return HeldStream(has_content, partial(stream_transform, attempt), max_bytes)
    if attempt.exchange.facts.stream:
        raise MalformedResponse(f"the provider responded to a stream request with {kind[:64]}")
    resource = attempt.exchange.resource
    if name == "application/json" and not (resource is not None and resource.is_content):
        return None
    attempt.content_type = kind if kind.isprintable() and "/" in kind else "application/octet-stream"
    return HeldBytes(attempt.step.target.provider.redactor, attempt.completion)
