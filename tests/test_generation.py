"""A generation is built completely, or all errors are reported."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from proxy.config.document import ConfigError
from proxy.generation import GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.upstream.call import make_start_call
from tests.fakes import generation, routing_yaml


def test_a_generation_has_number_snapshot_and_pipeline():
    built = GenerationFactory({}, lambda path: "", PipelineTerminals(make_start_call, {})).build(
        routing_yaml(), "routing.yaml", 7
    )
    assert built.number == 7
    assert list(built.snapshot.models) == ["m"]
    assert [type(each).__name__ for each in built.pipeline.middlewares] == [
        "AccessLog", "Auth", "HeaderPolicy", "Limits", "RoutingMiddleware", "SsePassthrough", "Failover",
    ]  # fmt: skip
    assert [type(each).__name__ for each in built.pipeline.attempt_middlewares] == ["Translate"]


def test_a_generation_is_frozen():
    with pytest.raises(FrozenInstanceError):
        generation().number = 2


@pytest.mark.parametrize(
    "pipeline, strict, strategy",
    [
        ("strategy, sse_passthrough, failover, translate", False, "automatic"),
        (
            "{strategy: {default: weighted}}, sse_passthrough, failover, {translate: {unsupported_params: error}}",
            True, "weighted",
        ),
    ],
)  # fmt: skip
def test_the_snapshot_has_the_middleware_options_routing_depends_on(pipeline, strict, strategy):
    snapshot = generation(routing_yaml(f"[header_policy, limits, {pipeline}]")).snapshot
    assert (snapshot.strict_params, snapshot.default_strategy) == (strict, strategy)


def test_fetching_files_is_off_by_default():
    files = [
        routing_yaml(f"[header_policy, limits, strategy, failover, {name}]")
        for name in ("translate", "{translate: {fetch_images: true}}")
    ]
    assert [generation(file).snapshot.fetches_files for file in files] == [False, True]


def test_variables_come_from_the_given_environment():
    file = routing_yaml().replace("api_key: canary-of-the-provider", 'api_key: "${A_KEY}"')
    assert generation(file, environ={"A_KEY": "k"}).snapshot.providers["a"].key.value == "k"
    assert generation(file).snapshot.providers["a"].disabled_reason == "A_KEY is not set"


def test_a_secret_comes_from_a_file():
    file = routing_yaml().replace("canary-of-the-provider", '"${file:/run/key}"')
    built = GenerationFactory(
        {}, {"/run/key": "from-a-file\n"}.__getitem__, PipelineTerminals(make_start_call, {})
    ).build(file, "routing.yaml", 1)
    assert built.snapshot.providers["a"].key.value == "from-a-file"


def test_an_unknown_dialect_is_an_error_with_its_place():
    with pytest.raises(ConfigError) as caught:
        generation(routing_yaml().replace("dialect: openai", "dialect: openia", 1))
    assert str(caught.value) == "routing.yaml:4:16: providers.a.dialect: unknown dialect; did you mean 'openai'?"


def test_errors_of_models_pipeline_and_dialects_are_reported_together():
    file = routing_yaml("[failovr]").replace("dialect: openai", "dialect: latin").replace("{a: m-a", "{z: m-a")
    with pytest.raises(ConfigError) as caught:
        generation(file)
    words = str(caught.value)
    assert "no provider 'z'" in words and "no middleware 'failovr'" in words and "unknown dialect" in words
    assert [each.line for each in caught.value.problems] == sorted(each.line for each in caught.value.problems)


def test_a_host_named_as_dialect_is_answered_with_the_dialect_for_it():
    with pytest.raises(ConfigError) as caught:
        generation("providers: {a: {dialect: ollama, base_url: http://x}, b: {dialect: azure}}")
    assert str(caught.value).splitlines() == [
        "routing.yaml:1:26: providers.a.dialect: unknown dialect; did you mean 'compatible'? It is for every host with an"
        " OpenAI-compatible API",
        "routing.yaml:1:58: providers.b.base_url: is missing",
        "routing.yaml:1:68: providers.b.dialect: unknown dialect; did you mean 'openai'?",
    ]


def test_a_dialect_may_be_a_variable():
    file = routing_yaml().replace("dialect: openai", "dialect: '${DIALECT}'", 1)
    assert generation(file, environ={"DIALECT": "openai"}).snapshot.providers["a"].dialect == "openai"
    with pytest.raises(ConfigError, match=r"^routing.yaml:4:16: providers.a.dialect: unknown dialect; known: "):
        generation(file, environ={"DIALECT": "latin"})


def test_providers_alone_are_a_file():
    built = generation("providers: {a: {dialect: openai, base_url: 'http://x'}}")
    assert [target.id for target in built.snapshot.targets("a/some-model")] == ["a@global/some-model"]
    assert len(built.pipeline.middlewares) == 7
