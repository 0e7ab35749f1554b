"""The plot is valid SVG with a bar for each measured value."""

from __future__ import annotations

from xml.etree import ElementTree

from bench.plot import draw

ROUNDS = [
    {
        "sidecar": {"cpu_us_per_event": 25.0, "rest_rss_mb": 50.0},
        "envoy": {"cpu_us_per_event": 20.0, "rest_rss_mb": 64.0},
        "slow <one>": {"cpu_us_per_event": 500.0},
    }
]
SVG = "{http://www.w3.org/2000/svg}"


def drawing() -> ElementTree.Element:
    return ElementTree.fromstring(draw(ROUNDS, list(ROUNDS[0]), "a machine"))


def texts() -> list[str | None]:
    return [each.text for each in drawing().iter(f"{SVG}text")]


def test_there_is_a_bar_for_each_value_and_a_line_for_each_goal():
    bars = [each for each in drawing().iter(f"{SVG}g") if each.get("class") == "row"]
    assert (len(bars), len(list(drawing().iter(f"{SVG}line")))) == (5, 2)
    assert {"a machine", "idle memory, MB", "50.0", "slow <one>"} <= set(texts())


def test_a_bar_of_requests_is_never_clipped():
    rounds = [{"sidecar": {"requests_per_second": 1.0}, "nginx": {"requests_per_second": 100.0}}]
    assert "»" not in draw(rounds, ["sidecar", "nginx"], "").partition("nginx")[2]


def test_a_bar_much_longer_than_the_sidecars_is_clipped_and_marked():
    widths = [float(each.get("width", 0)) for each in drawing().iter(f"{SVG}rect")]
    assert "500.0 »" in texts() and sorted(widths)[-2] == 250.0
