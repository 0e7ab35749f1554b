"""Whatever was found, the file is valid, keeps keys out and routes to what was found."""

from __future__ import annotations

import pytest
import yaml

from proxy.cli.discovery import Found, find_vendors
from proxy.cli.schema import schema
from proxy.cli.starter_file import quote, starter_file
from proxy.cli.vendors import VENDORS
from tests.fakes import generation
from tests.schemas import validation_errors

KEY = "sk-planted-canary"
ALL = {name: KEY for vendor in VENDORS for name in vendor.variables}
AZURE = {"AZURE_API_KEY": KEY, "AZURE_API_BASE": "https://r.openai.azure.com"}
LOCAL = Found("ollama", "compatible", "http://localhost:11434/v1", models=("qwen3:8b", "large", "yes"))
ENVIRONMENTS = [{}, {"OPENAI_API_KEY": KEY}, AZURE, {**ALL, **AZURE},
                {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://gateway.example/v1"}]  # fmt: skip


@pytest.mark.parametrize("environ", ENVIRONMENTS)
@pytest.mark.parametrize("local", [[], [LOCAL], [Found("vllm", "compatible", "http://localhost:8000/v1")]])
def test_it_is_valid_and_has_every_provider(environ: dict[str, str], local: list[Found]) -> None:
    found = find_vendors(environ) + local
    text = starter_file(found)
    snapshot = generation(text, environ).snapshot
    assert list(snapshot.providers) == ([each.name for each in found] or ["local"])
    assert validation_errors(yaml.safe_load(text), schema()) == []
    assert KEY not in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_a_name_of_a_class_of_models_has_a_target_at_each_vendor() -> None:
    environ = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    snapshot = generation(starter_file(find_vendors(environ)), environ).snapshot
    for model in ("large", "small"):
        assert [target.provider.name for target in snapshot.targets(model)] == ["openai", "anthropic"]
    assert [target.id for target in snapshot.targets("claude-x")] == ["anthropic@global/claude-x"]


def test_local_models_have_their_own_names() -> None:
    snapshot = generation(starter_file([LOCAL])).snapshot
    assert [target.id for target in snapshot.targets("qwen3:8b")] == ["ollama@global/qwen3:8b"]
    assert snapshot.targets("yes")[0].model == "yes"


def test_without_anything_found_all_are_comments_next_to_a_local_example() -> None:
    text = starter_file([])
    snapshot = generation(text).snapshot
    assert [target.id for target in snapshot.targets("qwen3")] == ["local@global/qwen3"]
    assert [vendor.name for vendor in VENDORS if f"  # {vendor.name}: {{" not in text] == []


def test_each_comment_of_a_provider_is_valid_once_it_is_none() -> None:
    text = starter_file([]).replace("  # ", "  ").replace("  To use one of these, set its key:\n", "")
    text = text.replace("  Names that go to their provider unchanged\n", "")
    snapshot = generation(text, ALL).snapshot
    assert set(snapshot.providers) == {"local", *(vendor.name for vendor in VENDORS)}


def test_the_pipeline_in_its_comments_is_valid() -> None:
    head, _, tail = starter_file([]).partition("# pipeline:\n")
    options = "".join(line.removeprefix("# ").removeprefix("#") + "\n" for line in tail.splitlines())
    built = generation(f"{head}pipeline:\n{options}", {"PARROT_API_KEY": "k"}).pipeline
    assert len(built.middlewares) == 7


@pytest.mark.parametrize("text", ["a", "gpt-5.6", "*", "qwen3:8b", "yes", "Off", "1e3", "a/b", "null", "y"])
def test_quoted_text_is_read_as_text(text: str) -> None:
    assert yaml.safe_load(quote(text)) == text
