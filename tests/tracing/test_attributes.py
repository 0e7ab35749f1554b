"""Span attributes follow OpenTelemetry's conventions; client values are bounded, unknown ones left out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from msgspec.structs import replace as altered

from proxy.config.snapshot import ANY_MODEL
from proxy.ingress.paths import PATHS
from proxy.routing.facts import Facts
from proxy.tracing.attributes import (
    OPERATIONS,
    attempt_end,
    attempt_error,
    attempt_name,
    attempt_start,
    is_client_error,
    request_end,
    request_error,
    request_name,
    request_start,
)
from tests.fakes import exchange, exchange_with_attempt, request
from tests.source import ROOT, sources


def at(base_url: str = "https://a.test/v1", dialect: str = "openai"):
    """An attempt at such a target."""
    made = exchange_with_attempt()
    step = made.winning_attempt.step
    provider = replace(step.target.provider, dialect=dialect)
    made.winning_attempt.step = altered(step, target=replace(step.target, base_url=base_url, provider=provider))
    return made.winning_attempt


def test_every_endpoint_has_an_operation():
    assert set(OPERATIONS) == set(PATHS.values())


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("openai", "openai"), ("anthropic", "anthropic"), ("google", "gcp.gemini"), ("mistral", "mistral_ai"),
     ("cohere", "cohere"), ("meta", "a")],
)  # fmt: skip
def test_providers_have_the_conventions_names_or_those_of_the_configuration(dialect, name):
    assert attempt_start(at(dialect=dialect), 1)["gen_ai.provider.name"] == name


@pytest.mark.parametrize(
    ("base_url", "address", "port"),
    [("https://a.test/v1", "a.test", 443), ("http://a.test", "a.test", 80), ("http://[::1]:8080/v1", "::1", 8080)],
)
def test_the_server_is_host_and_port_only(base_url, address, port):
    attributes = attempt_start(at(base_url), 2)
    assert (attributes["server.address"], attributes["server.port"], attributes["parrot.attempt"]) == (address, port, 2)
    assert base_url not in map(str, attributes.values())


def test_every_attribute_is_documented():
    text = (ROOT / "docs/reference/tracing.md").read_text()
    names = set(
        re.findall(r'"((?:gen_ai|http|url|server|error|parrot)\.[a-z_.]+)"', sources()["proxy/tracing/attributes.py"])
    )
    assert len(names) > 20 and [name for name in names if f"`{name}`" not in text] == []


def test_a_span_name_is_operation_and_model_or_the_method():
    made = exchange_with_attempt()
    made.facts = Facts("chat", "m")
    assert (request_name(made), attempt_name(made.winning_attempt)) == ("chat m", "chat m-a")


def test_a_request_without_a_model_has_none_in_its_spans():
    attempt = at()
    made, step = attempt.exchange, attempt.step
    made.endpoint, made.facts = "files", Facts("files")
    attempt.step = altered(step, target=replace(step.target, model=ANY_MODEL))
    assert (request_name(made), attempt_name(attempt)) == ("files", "files")
    assert "gen_ai.request.model" not in attempt_start(attempt, 1)
    assert request_name(altered(made, endpoint="", facts=Facts())) == "POST"


def test_the_path_has_no_query_and_a_length_limit():
    made = exchange(altered(request(), path="/v1/" + "x" * 1000 + "?key=secret"))
    path = request_start(made)["url.path"]
    assert len(path) == 256 and "?" not in path
    made.facts = Facts("chat", "x" * 1000)
    assert len(request_end(made)["gen_ai.request.model"]) == 256


def test_a_request_without_a_winner_has_only_known_attributes():
    made = exchange()
    made.endpoint, made.outcome, made.status = "", "invalid_api_key", 401
    assert request_end(made) == {
        "http.response.status_code": 401, "error.type": "invalid_api_key", "parrot.request_id": "req-1",
        "parrot.attempts": 0, "parrot.outcome": "invalid_api_key",
    }  # fmt: skip
    assert is_client_error(made)


def test_an_attempt_with_content_has_status_200():
    attempt = exchange_with_attempt().winning_attempt
    assert "http.response.status_code" not in attempt_end(attempt)
    attempt.first_content_at = 101.0
    assert attempt_end(attempt) == {"http.response.status_code": 200}
    attempt.exchange.facts = Facts("chat", "m", stream=True)
    assert attempt_end(attempt)["gen_ai.response.time_to_first_chunk"] == 1.0
    attempt.status = 503
    assert attempt_end(attempt)["http.response.status_code"] == 503


def test_tokens_and_finish_reasons_come_from_the_response():
    attempt = exchange_with_attempt().winning_attempt
    attempt.completion.usage, attempt.completion.finish_reason, attempt.completion.model = (
        {"prompt_tokens": 3},
        "length",
        "m-1",
    )
    assert attempt_end(attempt) == {
        "gen_ai.response.model": "m-1", "gen_ai.response.finish_reasons": ("length",), "gen_ai.usage.input_tokens": 3,
    }  # fmt: skip


def test_provider_values_are_bounded_strings_or_absent():
    attempt = exchange_with_attempt().winning_attempt
    attempt.completion.finish_reason, attempt.completion.model = "y" * 1000, "x" * 1000
    attributes = attempt_end(attempt)
    assert (attributes["gen_ai.response.model"], attributes["gen_ai.response.finish_reasons"]) == (
        "x" * 256,
        ("y" * 256,),
    )
    attempt.completion.finish_reason, attempt.completion.model = {"attributes": "Hello"}, 7
    assert attempt_end(attempt) == {}


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("ok", None), (None, None), ("cancelled", None), ("hedge_lost", None), ("timeout", "timeout")],
)
def test_a_cancelled_attempt_is_not_an_error(outcome, error):
    attempt = exchange_with_attempt().winning_attempt
    attempt.outcome = outcome
    assert attempt_error(attempt) == error


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("ok", None), ("client_disconnected", None), ("cancelled", "cancelled"), ("timeout", "timeout")],
)
def test_a_disconnected_client_is_not_an_error(outcome, error):
    made = exchange()
    made.outcome = outcome
    assert request_error(made) == error
