"""`make deploy-check` prints a line for each check, and its exit code says whether one failed."""

from __future__ import annotations

import re

import pytest

from deploy.check.outcome import CheckFailedError, SkippedError, run
from deploy.check.runner import run_checks


def passing() -> str:
    return "3 files"


def failing() -> str:
    raise CheckFailedError("line 1\nline 2")


def skipping() -> str:
    raise SkippedError("needs a tool")


CHECKS = {"good": passing, "bad": failing, "absent": skipping}


def test_deploy_check_prints_a_line_for_each_check_and_fails_if_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_checks([], CHECKS) == 1
    lines = re.sub(r" +[\d.]+ s  ", " ", capsys.readouterr().out).splitlines()
    assert lines == [
        "good    passed 3 files",
        "bad     failed line 1",
        "    line 2",
        "absent  skipped needs a tool",
        "1 passed, 1 failed, 1 skipped",
    ]


@pytest.mark.parametrize(("names", "code"), [(["good"], 0), (["good", "absent"], 0), (["bad"], 1), (["other"], 2)])
def test_chosen_checks_decide_the_exit_code(names: list[str], code: int) -> None:
    assert run_checks(names, CHECKS) == code


def test_a_failed_command_shows_the_end_of_its_output() -> None:
    with pytest.raises(CheckFailedError) as caught:
        run("sh", "-c", "seq 100; echo reason >&2; exit 3")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("exit code 3") and lines[-2:] == ["100", "reason"] and len(lines) == 41
