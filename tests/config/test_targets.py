"""A target for each deployment and region, with the weight of its provider or its own."""

from __future__ import annotations

import pytest

from proxy.config.snapshot import Target
from proxy.config.targets import valid_items
from proxy.config.typed_loader import INVALID
from tests.files import load_snapshot

FILE = """
providers:
  a: {dialect: openai, base_url: http://x/v1/, weight: WEIGHT, timeouts: {connect: 1s}, regions: {eu-west-1: {}, us: {base_url: http://us}}}
  b: {dialect: openai, base_url: http://y, weight: 0}
models:
  m: {a: {model: x, weight: OWN}, b: {model: y, timeouts: {connect: 2s}}}
"""


def targets(weight: str = "1", own: str = "1") -> tuple[Target, ...]:
    return load_snapshot(FILE.replace("WEIGHT", weight).replace("OWN", own)).targets("m")


def test_a_target_has_the_address_and_timeouts_of_its_region_deployment_or_provider() -> None:
    found = [(each.id, each.base_url, each.residency, each.timeouts.connect) for each in targets()]
    assert found == [
        ("a@eu-west-1/x", "http://x/v1", "EU", 1),
        ("a@us/x", "http://us", "US", 1),
        ("b@global/y", "http://y", None, 2),
    ]


@pytest.mark.parametrize(
    ("weight", "own", "shares"),
    [("4", "1", [0.25, 0.25, 0]), ("4", "0", [0, 0, 0]), ("0", "3", [3, 3, 0]), ("0", "0", [0, 0, 0])],
)
def test_a_weight_is_a_share_of_the_providers_weights(weight: str, own: str, shares: list[float]) -> None:
    found = targets(weight, own)
    assert [each.weight for each in found] == shares
    assert [each.configured_weight for each in found] == [float(own), float(own), 0]
    assert [each.weight_group for each in found] == ["a/a", "a/a", "b"]


def test_invalid_items_are_left_out() -> None:
    assert valid_items({"a": 1, "b": INVALID}) == {"a": 1}
