"""A regular expression is searched for a limited time."""

from __future__ import annotations

import asyncio
import signal

import pytest

from proxy.cli.compare.json_schema import bounded_regex
from proxy.cli.compare.json_schema.bounded_regex import MAX_CHARS, RegexTimeoutError, is_found, regex_error

EXPONENTIAL = r"^(a+)+$"
LONG = "a" * 200 + "!"


def test_a_pattern_is_searched_anywhere() -> None:
    assert is_found("b+", "abbc") and not is_found("^b", "abbc")


def test_a_search_that_would_never_end_is_interrupted_and_the_next_one_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_regex, "TIMEOUT_S", 0.01)
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(RegexTimeoutError):
        is_found(EXPONENTIAL, LONG)
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert is_found("a!", LONG)


async def test_a_search_works_in_a_thread_without_a_timer() -> None:
    assert await asyncio.to_thread(is_found, "a!", LONG)


def test_only_the_beginning_of_a_long_text_is_searched() -> None:
    assert not is_found("b", "a" * MAX_CHARS + "b")


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "(?<=a*)b", "[z-a]"])
def test_an_invalid_pattern_has_a_reason(pattern: str) -> None:
    assert str(regex_error(pattern)).startswith("not a regular expression: ")


def test_a_valid_pattern_has_none() -> None:
    assert regex_error(r"^\w+$") is None


def test_a_pattern_that_may_change_its_meaning_is_no_warning() -> None:
    assert regex_error("[[a]") is None and is_found("[[a]", "[")
