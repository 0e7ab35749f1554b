"""A model name is looked up in the table, then in the longest matching pattern, then as `provider/model`."""

from __future__ import annotations

import dataclasses

import pytest

from proxy.config.snapshot import ModelPattern, Snapshot, target_id, targets_for_model
from proxy.errors import ModelNotFoundError
from tests.files import load_snapshot

FILE = """
providers:
  openai:
    dialect: openai
    base_url: http://openai/v1
    api_key: ${KEY}
    regions: {us-east-1: {residency: US}, eu-central-1: {residency: EU, base_url: http://eu/v1/}}
  anthropic: {dialect: openai, base_url: http://anthropic}
models:
  gpt-4o: {openai: gpt-4o-2024, anthropic: claude}
  plain: {anthropic: "*"}
  gpt-*: {openai: "*"}
  gpt-4*: {anthropic: claude-4}
  "*-chat": {anthropic: "models/*"}
  openai/pinned: {anthropic: claude}
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return load_snapshot(FILE, {"KEY": "sk-planted"})


@pytest.mark.parametrize(
    ("model", "ids"),
    [
        ("gpt-4o", ["openai@us-east-1/gpt-4o-2024", "openai@eu-central-1/gpt-4o-2024", "anthropic@global/claude"]),
        ("plain", ["anthropic@global/plain"]),
        ("gpt-4-turbo", ["anthropic@global/claude-4"]),
        ("gpt-5", ["openai@us-east-1/gpt-5", "openai@eu-central-1/gpt-5"]),
        ("gpt-", ["openai@us-east-1/gpt-", "openai@eu-central-1/gpt-"]),
        ("llama-chat", ["anthropic@global/models/llama"]),
        ("anthropic/claude-x", ["anthropic@global/claude-x"]),
        ("anthropic/org/claude-x", ["anthropic@global/org/claude-x"]),
        ("openai/pinned", ["anthropic@global/claude"]),
        ("openai/ft:gpt-4o@2", ["openai@us-east-1/ft:gpt-4o@2", "openai@eu-central-1/ft:gpt-4o@2"]),
        ("xgpt-5", []),
        ("GPT-4o", []),
        ("anthropic", []),
        ("anthropic/", []),
        ("/claude", []),
        ("unknown/claude", []),
        ("", ["openai@us-east-1/*", "openai@eu-central-1/*", "anthropic@global/*"]),
        ("gpt-../../etc", []),
        ("gpt-//x", []),
        ("anthropic/..", []),
        ("gpt-5 ", []),
        ("gpt-5\n", []),
        ("gpt-*", []),
        ("gpt-é", []),
        ("gpt-5?x=y", []),
        ("gpt-" + "x" * 252, ["openai@us-east-1/gpt-" + "x" * 252, "openai@eu-central-1/gpt-" + "x" * 252]),
        ("gpt-" + "x" * 253, []),
    ],
)
def test_a_model_name_finds_its_targets(snapshot: Snapshot, model: str, ids: list[str]) -> None:
    targets = snapshot.targets(model)
    assert [target.id for target in targets] == ids
    assert [target_id(each.provider.name, each.region, each.model) for each in targets] == ids


STARS = """
providers: {up: {dialect: openai, base_url: http://x}, other: {dialect: openai, base_url: http://y}}
models:
  "*": {other: "*"}
  "eu-*": {up: "ft-*", other: "$1"}
  "up/eu-*": {other: "*"}
  "*-in-*": {up: "$2/$1"}
"""


@pytest.mark.parametrize(
    ("model", "ids"),
    [
        ("anything", ["other@global/anything"]),
        ("eu-gpt", ["up@global/ft-gpt", "other@global/gpt"]),
        ("my-eu-gpt", ["other@global/my-eu-gpt"]),
        ("up/gpt", ["up@global/gpt"]),
        ("up/", ["other@global/up/"]),
        ("unknown/gpt", ["other@global/unknown/gpt"]),
        ("up/eu-gpt", ["other@global/up/eu-gpt"]),
        ("gpt-in-fr", ["up@global/fr/gpt"]),
    ],
)
def test_a_providers_own_name_comes_before_the_pattern_of_all_names(model: str, ids: list[str]) -> None:
    assert [target.id for target in load_snapshot(STARS).targets(model)] == ids


@pytest.mark.parametrize(
    ("text", "name", "matches"),
    [
        ("gpt-*", "gpt-4", True),
        ("gpt-*", "gpt-", True),
        ("gpt-*", "a-gpt-4", False),
        ("*", "anything", True),
        ("a*b*c", "axbyc", True),
        ("a*b*c", "acb", False),
        ("gpt-4.1*", "gpt-401", False),
        ("a+b*", "aab", False),
    ],
)
def test_only_the_star_is_special_in_a_pattern(text: str, name: str, matches: bool) -> None:
    assert ModelPattern(text, ()).matches(name) is matches


@pytest.mark.parametrize(("model", "near"), [("gpt4o", ["gpt-4o"]), ("plane", ["plain"]), ("zzzzzz", []), ("", [])])
def test_similar_names_are_found(snapshot: Snapshot, model: str, near: list[str]) -> None:
    assert snapshot.similar_names(model) == near


def test_an_unknown_model_is_an_error_that_names_similar_models(snapshot: Snapshot) -> None:
    assert targets_for_model(snapshot, "gpt-4o") == snapshot.targets("gpt-4o") != ()
    with pytest.raises(ModelNotFoundError, match=r"^no model 'gpt4o' in the routing table; did you mean 'gpt-4o'\?$"):
        targets_for_model(snapshot, "gpt4o")


def test_a_provider_without_a_key_has_a_disabled_reason() -> None:
    assert [each.disabled_reason for each in load_snapshot(FILE, {}).providers.values()] == ["KEY is not set", None]
    assert [each.disabled_reason for each in load_snapshot(FILE, {"KEY": "k"}).providers.values()] == [None, None]


def test_a_snapshot_is_frozen_and_its_repr_has_no_key(snapshot: Snapshot) -> None:
    assert "sk-planted" not in repr(snapshot) + str(snapshot.targets("gpt-4o"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.targets("gpt-4o")[0].model = "other"  # type: ignore[misc]
