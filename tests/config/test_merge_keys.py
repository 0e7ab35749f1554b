"""YAML merge keys fill in what a mapping does not set itself, and every mistake in one has its place."""

from __future__ import annotations

import pytest

from tests.files import config_errors, load_snapshot

PROVIDERS = "providers:\n  a: &a {dialect: openai, base_url: http://x, weight: 2}\n"
MODELS = "models: {m: {a: m}}\n"


def weights(text: str) -> dict[str, float]:
    """Return the weight of each provider, of which the whole is 1."""
    return {name: round(each.weight, 2) for name, each in load_snapshot(text + MODELS).providers.items()}


def test_a_merged_mapping_fills_in_what_is_not_set() -> None:
    snapshot = load_snapshot(PROVIDERS + "  b: {<<: *a, base_url: http://y}\nmodels: {m: {a: m, b: m}}\n")
    assert [(each.provider.dialect, each.base_url) for each in snapshot.targets("m")] == [
        ("openai", "http://x"),
        ("openai", "http://y"),
    ]


@pytest.mark.parametrize(
    "mapping", ["{<<: *a, weight: 6}", "{weight: 6, <<: *a}", "{<<: [*a, {weight: 1}], weight: 6}"]
)
def test_a_key_of_the_mapping_itself_wins(mapping: str) -> None:
    assert weights(f"{PROVIDERS}  b: {mapping}\n") == {"a": 0.25, "b": 0.75}


def test_of_several_mappings_the_first_wins() -> None:
    assert weights(PROVIDERS + "  b: {<<: [{weight: 6}, *a]}\n") == {"a": 0.25, "b": 0.75}


def test_a_merged_mapping_may_merge_another() -> None:
    assert weights(PROVIDERS + "  b: &b {<<: *a}\n  c: {<<: *b}\n") == {"a": 0.33, "b": 0.33, "c": 0.33}


def test_models_keep_their_order_where_they_are_merged() -> None:
    text = PROVIDERS + "  b: *a\n  c: *a\nmodels:\n  m: &m {c: m, a: m}\n  n: {<<: *m, b: m}\n"
    assert [each.provider.name for each in load_snapshot(text).targets("n")] == ["c", "a", "b"]


def test_top_level_keys_for_anchors_are_ignored_and_can_be_merged() -> None:
    text = "x-host: &host {dialect: openai, base_url: http://x}\nx-note: any text\nproviders: {a: {<<: *host}}\n"
    assert load_snapshot(text + MODELS).targets("m")[0].base_url == "http://x"


def test_only_top_level_keys_are_ignored() -> None:
    assert config_errors(PROVIDERS.replace("weight", "x_weight") + MODELS) == [
        "routing.yaml:2:47: providers.a.x_weight: unknown key; did you mean 'weight'?"
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("  b: {<<: nothing}\n", ["3:6: providers.b.base_url: is missing", "3:6: providers.b.dialect: is missing",
                                  "3:11: expected a mapping to merge, or a list of them, such as <<: *name"]),
        ("  b: {<<: [*a, 1]}\n", ["3:16: expected a mapping to merge, or a list of them, such as <<: *name"]),
        ("  b: {<<: *a, <<: {weight: 1}}\n",
         ["3:15: '<<' stands twice; to merge several mappings write <<: [*first, *second]"]),
        ("  b: {<<: *a, weight: 1, weight: 2}\n", ["3:26: providers.b.weight: duplicate key, already on line 3"]),
        ("  b: {<<: *a, wieght: 1}\n", ["3:15: providers.b.wieght: unknown key; did you mean 'weight'?"]),
        ("  b: {'<<': *a}\n", ["3:6: providers.b.base_url: is missing", "3:6: providers.b.dialect: is missing",
                               "3:7: providers.b: unknown key"]),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place(text: str, lines: list[str]) -> None:
    found = config_errors(PROVIDERS + text + MODELS)
    assert [line.removeprefix("routing.yaml:").partition("; known")[0] for line in found] == lines


def test_merging_does_not_get_around_the_limits() -> None:
    bomb = "x-p: &p {" + ", ".join(f"k{i}: x" for i in range(100)) + "}\n"
    for before, name in zip("pqrs", "qrst", strict=True):
        bomb += f"x-{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 20)}]}}\n"
    [line] = config_errors(bomb + PROVIDERS + MODELS)
    assert line.endswith("more than 200000 values, with aliases expanded")


@pytest.mark.parametrize("text", ["x-p: &p {<<: *p}\n", "x-p: &p {b: {<<: *p}}\n"])
def test_a_mapping_that_merges_itself_is_refused(text: str) -> None:
    [line] = config_errors(text + PROVIDERS + MODELS)
    assert line.endswith("nested deeper than 24, with aliases expanded")
