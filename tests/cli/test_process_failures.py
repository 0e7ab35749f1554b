"""What Python would print of a failure goes to the log, in its format and redacted."""

from __future__ import annotations

import sys
import threading

import pytest

from proxy.cli.command import CommandError
from proxy.cli.process_failures import ProcessFailures
from tests.fakes import MemoryLog


class Broken:
    """A value whose destructor fails."""

    def __del__(self) -> None:
        raise KeyError("in a destructor")


def test_exceptions_of_threads_and_destructors_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise KeyError("in a thread")

    log, hooks = MemoryLog(), (threading.excepthook, sys.unraisablehook)
    with ProcessFailures(log.logger):
        thread = threading.Thread(target=fail, name="worker")
        thread.start()
        thread.join()
        Broken()
    first, second = log.lines
    assert (first["event"], first["level"], first["thread"]) == ("thread_failed", "error", "worker")
    assert (second["event"], second["level"], second["where"]) == ("exception_ignored", "error", "function")
    assert "KeyError: 'in a thread'" in first["exception"] and "KeyError: 'in a destructor'" in second["exception"]
    assert capsys.readouterr() == ("", "") and (threading.excepthook, sys.unraisablehook) == hooks


def test_an_unexpected_exception_is_logged_and_ends_the_command_with_one_line() -> None:
    log = MemoryLog()
    with (
        pytest.raises(CommandError, match="^ended by an unexpected error; see the log$") as caught,
        ProcessFailures(log.logger),
    ):
        raise KeyError("a bug")
    assert caught.value.exit_code == 1 and caught.value.__suppress_context__
    assert [line["event"] for line in log.lines] == ["process_failed"] and "a bug" in log.text


@pytest.mark.parametrize("error", [CommandError("expected"), BrokenPipeError(), KeyboardInterrupt()])
def test_other_exceptions_pass(error: BaseException) -> None:
    log = MemoryLog()
    with pytest.raises(type(error)) as caught, ProcessFailures(log.logger):
        raise error
    assert caught.value is error and log.lines == []
