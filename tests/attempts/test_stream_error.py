"""An error event in a stream: what came before it, what it says, and what kind of failure it is."""

from __future__ import annotations

import pytest

from proxy.attempts.stream_error import StreamError
from proxy.errors import ResponseTooLargeError
from tests.fakes import chunk_event

TEXT = chunk_event("text")


def error_event(error: str) -> bytes:
    return b'data: {"error":%b}\n\n' % error.encode()


@pytest.mark.parametrize("before", [b"", TEXT, TEXT + TEXT])
def test_the_last_event_is_the_error_and_the_others_are_before_it(before: bytes) -> None:
    event = error_event('{"message":"busy","code":"server_is_overloaded"}')
    error = StreamError.find(before + event)
    assert (error.before, error.event) == (before, event)
    assert (error.message, error.trigger) == ("busy", "model_overloaded")


@pytest.mark.parametrize(
    ("error", "message", "trigger"),
    [
        ('{"message":"later","code":"rate_limit_exceeded"}', "later", "rate_limit"),
        ('{"message":"boom"}', "boom", "server_error"),
        ('"boom"', "boom", "server_error"),
        ('["boom"]', "boom", "server_error"),
        ('{"message":["boom"],"code":[1]}', "boom", "server_error"),
        ("{}", "the provider ended the stream with an error", "server_error"),
    ],
)
def test_an_error_of_any_shape_has_a_message_and_a_class(error: str, message: str, trigger: str) -> None:
    found = StreamError.find(error_event(error))
    assert message in found.message and found.trigger == trigger


@pytest.mark.parametrize("data", [b"", b": comment\n\n", b"data: {\n\n"])
def test_without_a_readable_error_there_is_a_plain_message(data: bytes) -> None:
    assert StreamError.find(data).message == "the provider ended the stream with an error"


def test_an_error_event_of_the_sidecar_itself_is_not_the_providers_fault() -> None:
    event = error_event('{"message":"an event is over 8 bytes","code":"response_too_large"}')
    found = StreamError.find(event, ResponseTooLargeError("an event is over 8 bytes"))
    assert (found.is_local, found.outcome) == (True, "response_too_large")
    assert (StreamError.find(event).is_local, StreamError.find(event).outcome) == (False, "upstream_error")


@pytest.mark.parametrize(
    ("code", "status"), [("server_is_overloaded", 503), ("rate_limit_exceeded", 429), ("server_error", 502)]
)
def test_it_has_the_status_by_which_some_formats_name_an_error(code: str, status: int) -> None:
    assert StreamError.find(error_event(f'{{"message":"no","code":"{code}"}}')).status == status
