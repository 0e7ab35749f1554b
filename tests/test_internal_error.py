"""An unexpected exception is logged, and the caller is told nothing of it."""

from __future__ import annotations

from proxy.internal_error import internal_error
from tests.fakes import MemoryLog, exchange


def test_the_caller_of_an_unexpected_exception_is_told_nothing_of_it() -> None:
    log = MemoryLog()
    try:
        raise KeyError("a secret")
    except KeyError as error:
        failure = internal_error(exchange(log=log), error)
    assert (failure.status, failure.code) == (500, "internal_error") and "secret" not in failure.body().decode()
    [line] = log.lines
    assert line["event"] == "request_unhandled_error" and line["request_id"] == "req-1" and "KeyError" in log.text
