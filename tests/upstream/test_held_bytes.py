"""Bytes pass as they are, without secrets, and only the end of the response completes them."""

from __future__ import annotations

from proxy.messages import CompletionState
from proxy.redaction import Redactor
from proxy.upstream.held_bytes import HeldBytes
from tests.cuts import split_at


def test_the_first_bytes_are_the_first_content() -> None:
    completion = CompletionState()
    held = HeldBytes(Redactor(()), completion)
    assert held.feed(b"abc") == b"abc" and held.end() == b"" and not held.take_lifecycle_event()
    assert not completion.complete
    assert held.transform.end() == b"" and completion.complete


def test_secrets_are_replaced_wherever_the_bytes_are_cut() -> None:
    data = b"\x00\xffsk-secret-1234\xfe" * 3 + b"sk-secret-12"
    for places in ([at, other] for at in range(len(data)) for other in range(at, len(data), 7)):
        transform = HeldBytes(Redactor(["sk-secret-1234"]), CompletionState()).transform
        assert b"".join([*map(transform.feed, split_at(data, places)), transform.end()]) == data.replace(
            b"sk-secret-1234", b"[redacted]"
        )
