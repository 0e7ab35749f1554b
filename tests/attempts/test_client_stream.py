"""The end of a caller's stream: the terminal event once, or an error event, in the caller's format."""

from __future__ import annotations

import pytest

from proxy.attempts.client_stream import ClientStream, TranslatedStream
from proxy.attempts.hub_request import answer_context
from proxy.attempts.stream_error import StreamError
from proxy.errors import OverloadedError, UpstreamDisconnected
from proxy.memory_account import Load, MemoryAccount
from tests.fake_format import FakeFromHub
from tests.fakes import chunk_event, exchange


class Written:
    """Records what a stream writes."""

    def __init__(self) -> None:
        self.data = b""
        self.outcome: str | None = None

    def write(self, data: bytes) -> None:
        assert data
        self.data += data

    def finish(self, outcome: str) -> None:
        self.outcome = outcome

    def wake_by(self, due: float) -> None:
        raise AssertionError

    def crash(self, error: Exception) -> None:
        raise AssertionError


def translated() -> tuple[TranslatedStream, Written]:
    one, written = exchange(), Written()
    return TranslatedStream(one, written, FakeFromHub(answer_context(one))), written


@pytest.mark.parametrize(("is_done", "expected"), [(True, b""), (False, b"data: [DONE]\n\n")])
def test_the_terminal_event_is_added_where_the_provider_has_not_sent_it(is_done: bool, expected: bytes) -> None:
    written = Written()
    ClientStream(exchange(), written).complete(is_done=is_done)
    assert (written.data, written.outcome) == (expected, "ok")


def test_an_error_event_of_the_provider_passes() -> None:
    written = Written()
    own = b'data: {"error": {"message": "no", "odd": 1}}\n\n'
    ClientStream(exchange(), written).fail(StreamError(b"", own))
    assert (written.data, written.outcome) == (own, "upstream_error")


@pytest.mark.parametrize("is_done", [True, False])
def test_a_translated_stream_ends_once(is_done: bool) -> None:
    stream, written = translated()
    assert stream.translate is not None
    stream.translate(chunk_event("text"))
    before = stream.translate(b"data: [DONE]\n\n") if is_done else b""
    stream.complete(is_done=is_done)
    assert (before + written.data).count(b"event: over") == 1 and written.outcome == "ok"


def test_what_is_kept_of_an_answer_counts_as_memory() -> None:
    one, written, load = exchange(), Written(), Load()
    one.memory = MemoryAccount(load, 50_000)
    stream = TranslatedStream(one, written, FakeFromHub(answer_context(one)))
    assert stream.translate is not None
    for held in (0, 20_000, 20_000, 40_000):
        stream.translate(chunk_event("x" * 10_000))
        assert load.buffered_bytes == held
    stream.translate(chunk_event("x" * 10_000))
    with pytest.raises(OverloadedError):
        stream.translate(chunk_event("x" * 10_000))
    one.memory.close()
    assert load.buffered_bytes == 0


def test_a_failure_is_told_in_the_state_that_the_stream_is_in() -> None:
    stream, written = translated()
    assert stream.translate is not None
    stream.translate(chunk_event("text"))
    stream.fail(UpstreamDisconnected("cut"))
    assert written.data == b'event: failed\ndata: {"message":"cut","parts":1}\n\n'
    assert written.outcome == "upstream_disconnected"
