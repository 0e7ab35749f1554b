from __future__ import annotations

import os
import sys

import pytest

from bench.processes import (
    BenchError,
    CpuUsage,
    cpu_seconds,
    free_port,
    read_memory,
    run_process,
    session_pids,
    stat_fields,
)


@pytest.mark.parametrize("name", ["nginx", "a b", "a) R (b"])
def test_a_programs_name_does_not_shift_the_fields_after_it(name):
    assert stat_fields(f"17 ({name}) S 1 17 17 0 -1")[:4] == ["S", "1", "17", "17"]


def test_a_session_holds_its_own_processes():
    leader = os.getsid(0)
    assert os.getpid() in session_pids(leader)


def test_of_a_session_that_is_gone_nothing_is_left():
    assert (session_pids(-1), cpu_seconds(-1), read_memory(-1).rss_bytes) == ([], 0, 0)


def test_what_this_process_used_is_not_what_others_used():
    assert CpuUsage(machine=12.0, own=3.0).others(CpuUsage(machine=10.0, own=1.5)) == 0.5


def core() -> int:
    return min(os.sched_getaffinity(0))


def test_a_program_answers_on_its_core_while_the_context_lasts_and_is_gone_afterwards(tmp_path):
    port = free_port()
    with run_process([sys.executable, "-m", "bench.upstream", str(port)], port, core(), tmp_path / "log") as pid:
        assert session_pids(pid) == [pid]
        assert os.sched_getaffinity(pid) == {core()}
        assert read_memory(pid).rss_bytes >= read_memory(pid).pss_bytes > 0
    assert session_pids(pid) == []


def test_a_program_that_does_not_start_is_a_failure_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with (
        pytest.raises(BenchError, match="ended with 1: no such option"),
        run_process(command, free_port(), core(), tmp_path / "log"),
    ):
        raise AssertionError("it started")
