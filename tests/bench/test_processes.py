"""Child processes are started, observed and stopped."""

from __future__ import annotations

import os
import sys

import pytest

from bench.processes import (
    BenchError,
    CpuUsage,
    cpu_seconds,
    free_port,
    port_number,
    read_memory,
    run_process,
    session_pids,
    stat_fields,
)


@pytest.mark.parametrize("name", ["nginx", "a b", "a) R (b"])
def test_the_process_name_does_not_shift_the_fields_after_it(name):
    assert stat_fields(f"17 ({name}) S 1 17 17 0 -1")[:4] == ["S", "1", "17", "17"]


def test_a_session_contains_its_processes():
    leader = os.getsid(0)
    assert os.getpid() in session_pids(leader)


def test_an_ended_session_has_no_processes():
    assert (session_pids(-1), cpu_seconds(-1), read_memory(-1).rss_bytes) == ([], 0, 0)


def test_others_used_the_cpu_time_not_used_by_this_process():
    assert CpuUsage(machine=12.0, own=3.0).others_since(CpuUsage(machine=10.0, own=1.5)) == 0.5


def core() -> int:
    return min(os.sched_getaffinity(0))


def test_a_process_runs_on_its_core_until_the_context_ends(tmp_path):
    port = free_port()
    with run_process([sys.executable, "-m", "bench.upstream", str(port)], port, core(), tmp_path / "log") as pid:
        assert session_pids(pid) == [pid]
        assert os.sched_getaffinity(pid) == {core()}
        assert read_memory(pid).rss_bytes >= read_memory(pid).pss_bytes > 0
    assert session_pids(pid) == []


def test_a_port_may_be_in_a_file_that_is_not_yet_complete(tmp_path):
    file = tmp_path / "port"
    found = [port_number(41001), port_number(file)]
    for text in ("", "41002"):
        file.write_text(text)
        found.append(port_number(file))
    assert found == [41001, 0, 0, 41002]


def test_a_process_that_fails_to_start_raises_with_its_output(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with (
        pytest.raises(BenchError, match="exited with status 1: no such option"),
        run_process(command, free_port(), core(), tmp_path / "log"),
    ):
        raise AssertionError("it started")
