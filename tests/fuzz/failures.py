"""Runs a target on one input, names what went wrong, and makes the input smaller."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

from proxy.sse import decode, encode, split_frames
from tests.fuzz.mutations import is_document, nodes, parsed, written


class Failure(NamedTuple):
    """Where and how a target has failed. The same fault has the same failure, whatever the input."""

    error: str
    place: str
    traceback: str

    @property
    def key(self) -> tuple[str, str]:
        return self.error, self.place


def failure_of(run: Callable[[bytes], object], data: bytes) -> Failure | None:
    """Run a target. Return how it has failed, None if it has not."""
    try:
        run(data)
    except Exception as error:  # noqa: BLE001 (any exception is what is looked for)
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if "/tests/fuzz/failures" not in frame.filename
        ]
        ours = [frame for frame in frames if "/proxy/" in frame.filename] or frames
        return Failure(type(error).__name__, f"{ours[-1].filename}:{ours[-1].lineno}", traceback.format_exc())
    return None


def shrunk(run: Callable[[bytes], object], data: bytes, failure: Failure) -> bytes:
    """Return a smaller input that fails alike."""
    smaller: bytes | None = data
    while smaller is not None:
        data, smaller = smaller, next((each for each in _smaller(smaller) if _fails_alike(run, each, failure)), None)
    return data


def _fails_alike(run: Callable[[bytes], object], data: bytes, failure: Failure) -> bool:
    found = failure_of(run, data)
    return found is not None and found.key == failure.key


def _smaller(data: bytes) -> Iterator[bytes]:
    """Yield the input without one of its events, values or bytes."""
    if is_document(data):
        yield from _smaller_documents(data)
        return
    frames = split_frames(data)
    for at, frame in enumerate(frames):
        yield b"".join(frames[:at] + frames[at + 1 :])
        event = decode(frame)
        for inner in _smaller_documents(event.data or b""):
            yield b"".join([*frames[:at], encode(inner, event.name), *frames[at + 1 :]])


def _smaller_documents(data: bytes) -> Iterator[bytes]:
    value = parsed(data)
    for at in range(len(nodes(value)) if isinstance(value, (dict, list)) else 0):
        value = parsed(data)
        container, key = nodes(value)[at]
        del container[key]
        yield written(value)
