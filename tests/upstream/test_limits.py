"""Limits of what is kept of a provider's response."""

from __future__ import annotations

from proxy.upstream.limits import max_held_back_bytes, response_too_large


def test_the_error_of_a_large_response_says_the_limit() -> None:
    assert response_too_large().message == (
        "the provider's response is over 64 MiB, the limit of a response that is not streamed"
    )


def test_more_is_held_back_of_a_stream_that_repeats_a_large_request() -> None:
    assert max_held_back_bytes(b"") == 65_536
    assert max_held_back_bytes(b"x" * 1000) == 69_536
