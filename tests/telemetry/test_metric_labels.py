"""Targets of the file are labelled by name, those of a pattern or provider by that, and unknown ones not at all."""

from __future__ import annotations

import pytest

from proxy.telemetry.metric_labels import (
    LabelledTarget,
    configured_targets,
    group_key,
    group_keys,
    is_group_of,
    labelled_targets,
    metric_labels,
    model_label,
)
from tests.files import load_snapshot

FILE = """
providers:
  a: {dialect: openai, base_url: "https://a.test", regions: {us: {}, eu: {}}}
  b: {dialect: openai, base_url: "https://b.test"}
models:
  m: {a: m-a}
  "x-*": {b: "*", a: x-fixed}
  "x-long-*": {b: "vendor/*"}
  "twice-*": {b: "*+*"}
"""
SNAPSHOT = load_snapshot(FILE)


def test_targets_that_the_file_names_are_configured() -> None:
    assert configured_targets(SNAPSHOT) == {"a@us/m-a", "a@eu/m-a", "a@us/x-fixed", "a@eu/x-fixed"}


@pytest.mark.parametrize(
    ("target", "label"),
    [
        ("b@global/x-1", "x-*"),
        ("b@global/vendor/x-long-1", "x-long-*"),
        ("b@global/twice-1+twice-1", "twice-*"),
        ("b@global/twice-1+twice-2", "b/*"),
        ("b@global/anything", "b/*"),
        ("a@us/anything", "a/*"),
        ("a@asia/anything", None),
        ("gone@us/anything", None),
        ("no id", None),
    ],
)
def test_a_target_of_the_callers_choice_is_labelled_by_pattern_or_provider(target: str, label: str | None) -> None:
    assert model_label(SNAPSHOT, target) == label


def test_a_pattern_is_listed_until_a_target_of_it_was_observed() -> None:
    before = [each.target for each in labelled_targets(SNAPSHOT, [])]
    assert "b@global/*" in before and "b@global/vendor/*" in before
    after = labelled_targets(SNAPSHOT, ["b@global/x-1", "b@global/x-2", "a@us/m-a", "gone@us/m"])
    assert [each for each in after if each.label == "x-*" and each.provider == "b"] == [
        LabelledTarget("b@global/x-1", "b", "global", "x-*"),
        LabelledTarget("b@global/x-2", "b", "global", "x-*"),
    ]
    assert [each.target for each in after].count("a@us/m-a") == 1


def test_a_provider_that_only_probes_use_is_listed() -> None:
    file = load_snapshot(
        FILE.replace("models:", '  c: {dialect: openai, base_url: "https://c.test", probe: {}}\nmodels:')
    )
    expected = LabelledTarget("c@global/*", "c", "global", "c/*")
    assert labelled_targets(file, [])[-1] == expected not in labelled_targets(file, ["c@global/x"])


@pytest.mark.parametrize(
    ("target", "labels"),
    [
        ("a@us/m-a", ("a", "us", "m-a")),
        ("b@global/x-1", ("b", "global", "x-*")),
        ("b@global/anything", ("b", "global", "b/*")),
        ("gone@us/m", None),
    ],
)
def test_metric_labels_are_bounded_by_the_file(target: str, labels: tuple[str, str, str] | None) -> None:
    assert metric_labels(SNAPSHOT, configured_targets(SNAPSHOT), target) == labels


def test_providers_regions_and_models_are_groups_of_their_own() -> None:
    keys = group_keys(SNAPSHOT)
    assert len(keys) == 2 + 3 + 5
    assert {
        group_key("a"),
        group_key("b", "global"),
        group_key("a", "eu"),
        group_key("a", model="m"),
        group_key("b", model="x-*"),
    } < keys
    assert len({group_key("a"), group_key("a", "m"), group_key("a", model="m"), group_key("a", "m", "m")}) == 4


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (group_key("a"), True),
        (group_key("a", model="m"), True),
        (group_key("a", region="us"), True),
        (group_key("b"), False),
        (group_key("b", model="m"), False),
        (group_key("b", region="us"), True),
        (group_key("b", region="us", model="m"), True),
        (group_key("b", region="eu"), False),
    ],
)
def test_the_groups_of_providers_and_locations_are_found_by_their_key(key: str, found: bool) -> None:
    assert is_group_of({"a"}, {"b@us"}, key) is found
