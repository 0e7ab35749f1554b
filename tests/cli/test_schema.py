"""`parrot schema` prints the file in deploy/, and the shipped configuration is valid by it."""

from __future__ import annotations

import json

import pytest
import yaml

from proxy.cli import main
from proxy.cli.schema import schema
from proxy.config.document import ConfigError
from proxy.pipeline import REGISTRY
from tests.running import TWO_PROVIDERS, build_generation
from tests.schemas import validation_errors
from tests.source import ROOT

SHIPPED = (ROOT / "routing.yaml").read_text()


def test_the_schema_in_the_repository_is_up_to_date(capsys):
    assert main(["schema"]) == 0
    assert (ROOT / "deploy/routing.schema.json").read_text() == capsys.readouterr().out, (
        "run parrot schema -o deploy/routing.schema.json"
    )


def test_the_shipped_file_names_the_schema_for_editors():
    assert SHIPPED.splitlines()[0] == "# yaml-language-server: $schema=deploy/routing.schema.json"


@pytest.mark.parametrize("text", [SHIPPED, TWO_PROVIDERS], ids=["shipped", "two"])
def test_a_valid_file_is_valid_by_the_schema(text):
    assert validation_errors(yaml.safe_load(text), schema()) == []


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("weight: 35", "wieght: 35", "providers.openai.wieght: is not allowed"),
        ("weight: 35", "weight: heavy", "providers.openai.weight: "),
        ("max_retries: 3", "max_retries: 30", "pipeline[6]: "),
        ("- translate", "- translat", "pipeline[7]: "),
        ("{meta: muse-spark-1.3}", "{meta: {modle: muse}}", "models.llama-*: "),
        ("port: 8090", "port: 80900", "listen.port: "),
        ("host: 127.0.0.1", "host: []", "listen.host: "),
        ("host: 127.0.0.1", "host: ['::1', '']", "listen.host: "),
    ],
)
def test_a_mistake_is_invalid_by_the_schema(old, new, message):
    assert old in SHIPPED
    (error,) = validation_errors(yaml.safe_load(SHIPPED.replace(old, new, 1)), schema())
    assert error.startswith(message)


@pytest.mark.parametrize(
    ("policy", "is_valid"),
    [
        ("{}", True),
        ("{include_providers: [openai], exclude_providers: openai, provider_regions: [global]}", True),
        ("{routing_strategy: weighted, provider_weights: {openai: 1}, route_explain: true}", True),
        ("{max_provider_retries: 0, max_cost_per_request: 0.5, data_residency: EU, performance_window: 10m}", True),
        ("{routing_strategy: fast}", False),
        ("{max_provider_retries: 11}", False),
        ("{include_providers: {openai: 1}}", False),
        ("{route_explain: 1}", False),
        ("{session_id: s}", False),
        ("{strategy: weighted}", False),
        ("[]", False),
    ],
)
@pytest.mark.parametrize("place", ["defaults: {policy: P}", "models: {m: {targets: {openai: x}, policy: P}}", ""])
def test_the_schema_of_a_policy_refuses_what_the_file_refuses(policy, is_valid, place):
    head = "providers: {openai: {dialect: openai, base_url: http://x}}\n"
    file = head + place.replace("P", policy) + ("" if "models:" in place else "\nmodels: {}")
    keys = f"{{keys: [{{name: a, value: some-key, policy: {policy if not place else '{}'}}}]}}"
    file += f"\npipeline: [auth: {keys}, header_policy, limits, strategy, sse_passthrough, failover, translate]"
    assert (validation_errors(yaml.safe_load(file), schema()) == []) is is_valid
    if is_valid:
        assert build_generation(file)
    else:
        with pytest.raises(ConfigError):
            build_generation(file)


@pytest.mark.parametrize(
    ("model", "is_valid"),
    [
        ("{openai: gpt-4o}", True),
        ("{openai: {model: gpt-4o, priority: 1, weight: 0, family: gpt-4o, only_after: [context_length]}}", True),
        ("{targets: {a: {provider: openai, model: x, params: {default: {a: [1]}, drop: [b]}}}}", True),
        (
            "{targets: {openai: x}, policy: {routing_strategy: performance}, failover: {hedge: 'off', resume: 'off'}}",
            True,
        ),
        ("{targets: {openai: x}, failover: {hedge: {after: 5s}, max_retries: 0}}", True),
        ("{targets: {openai: {model: x, priority: -1}}}", False),
        ("{targets: {openai: x}, failover: {hedge: {budget: 5%}}}", False),
        ("{targets: {openai: x}, failover: {hedge: 'on'}}", False),
        ("{targets: {openai: x}, openai: x}", False),
        ("{policy: {}}", False),
        ("{OpenAI: x}", False),
    ],
)
def test_a_model_has_two_forms(model, is_valid):
    file = f"providers: {{openai: {{dialect: openai, base_url: http://x}}}}\nmodels: {{m: {model}}}"
    assert (validation_errors(yaml.safe_load(file), schema()) == []) is is_valid


@pytest.mark.parametrize(
    "entry",
    [*REGISTRY, {"limits": {"max_inflight": 5}}, "my_package.module:Thing", {"my_package.module:Thing": {"x": 1}}],
)
def test_the_schema_allows_every_middleware_and_custom_ones(entry):
    assert validation_errors([entry], schema()["properties"]["pipeline"]) == []


def test_the_schema_is_written_to_a_file(tmp_path, capsys):
    assert main(["schema", "-o", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == schema()
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys):
    assert main(["schema", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"parrot: cannot write {tmp_path}: is a directory\n"
