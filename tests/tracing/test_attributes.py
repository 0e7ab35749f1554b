"""Spans speak OpenTelemetry's words for generative AI; what the caller wrote is bounded, and what is unknown is left out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from msgspec.structs import replace as altered

from proxy.middleware.endpoints import PATHS
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


def test_every_endpoint_has_its_operation():
    assert set(OPERATIONS) == set(PATHS.values())


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("openai", "openai"), ("anthropic", "anthropic"), ("google", "gcp.gemini"), ("mistral", "mistral_ai"),
     ("cohere", "cohere"), ("meta", "a")],
)  # fmt: skip
def test_providers_have_the_names_of_the_conventions_and_others_the_files(dialect, name):
    assert attempt_start(at(dialect=dialect), 1)["gen_ai.provider.name"] == name


@pytest.mark.parametrize(
    ("base_url", "address", "port"),
    [("https://a.test/v1", "a.test", 443), ("http://a.test", "a.test", 80), ("http://[::1]:8080/v1", "::1", 8080)],
)
def test_a_server_is_its_host_and_port_and_nothing_more_of_the_url(base_url, address, port):
    said = attempt_start(at(base_url), 2)
    assert (said["server.address"], said["server.port"], said["parrot.attempt"]) == (address, port, 2)
    assert base_url not in map(str, said.values())


def test_the_docs_name_every_attribute():
    text = (ROOT / "docs" / "observability.md").read_text()
    names = set(
        re.findall(r'"((?:gen_ai|http|url|server|error|parrot)\.[a-z_.]+)"', sources()["proxy/tracing/attributes.py"])
    )
    assert len(names) > 20 and [name for name in names if f"`{name}`" not in text] == []


def test_names_are_the_operation_and_the_model_or_the_method():
    made = exchange_with_attempt()
    made.facts = Facts("chat", "m")
    assert (request_name(made), attempt_name(made.winning_attempt)) == ("chat m", "chat m-a")
    assert request_name(altered(made, endpoint="", facts=Facts())) == "POST"


def test_of_the_path_the_query_is_left_out_and_the_rest_is_bounded():
    made = exchange(altered(request(b""), path="/v1/" + "x" * 1000 + "?key=secret"))
    path = request_start(made)["url.path"]
    assert len(path) == 256 and "?" not in path
    made.facts = Facts("chat", "x" * 1000)
    assert len(request_end(made)["gen_ai.request.model"]) == 256


def test_a_request_that_nobody_served_says_only_what_is_known():
    made = exchange()
    made.endpoint, made.outcome, made.status = "", "invalid_api_key", 401
    assert request_end(made) == {
        "http.response.status_code": 401, "error.type": "invalid_api_key", "parrot.request_id": "req-1",
        "parrot.attempts": 0, "parrot.outcome": "invalid_api_key",
    }  # fmt: skip
    assert is_client_error(made)


def test_an_attempt_that_has_content_was_answered_with_200():
    attempt = exchange_with_attempt().winning_attempt
    assert "http.response.status_code" not in attempt_end(attempt)
    attempt.first_content_at = 101.0
    assert attempt_end(attempt) == {"http.response.status_code": 200}
    attempt.exchange.facts = Facts("chat", "m", stream=True)
    assert attempt_end(attempt)["gen_ai.response.time_to_first_chunk"] == 1.0
    attempt.status = 503
    assert attempt_end(attempt)["http.response.status_code"] == 503


def test_tokens_and_reasons_are_the_answers():
    attempt = exchange_with_attempt().winning_attempt
    attempt.completion.usage, attempt.completion.finish_reason, attempt.completion.model = (
        {"prompt_tokens": 3},
        "length",
        "m-1",
    )
    assert attempt_end(attempt) == {
        "gen_ai.response.model": "m-1", "gen_ai.response.finish_reasons": ("length",), "gen_ai.usage.input_tokens": 3,
    }  # fmt: skip


def test_what_the_provider_wrote_is_bounded_and_text_or_nothing():
    attempt = exchange_with_attempt().winning_attempt
    attempt.completion.finish_reason, attempt.completion.model = "y" * 1000, "x" * 1000
    said = attempt_end(attempt)
    assert (said["gen_ai.response.model"], said["gen_ai.response.finish_reasons"]) == ("x" * 256, ("y" * 256,))
    attempt.completion.finish_reason, attempt.completion.model = {"said": "Hello"}, 7
    assert attempt_end(attempt) == {}


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("ok", None), (None, None), ("cancelled", None), ("hedge_lost", None), ("timeout", "timeout")],
)
def test_it_is_no_error_of_an_attempt_to_be_let_go_of(outcome, error):
    attempt = exchange_with_attempt().winning_attempt
    attempt.outcome = outcome
    assert attempt_error(attempt) == error


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("ok", None), ("client_disconnected", None), ("cancelled", "cancelled"), ("timeout", "timeout")],
)
def test_it_is_no_error_of_a_request_that_its_caller_left(outcome, error):
    made = exchange()
    made.outcome = outcome
    assert request_error(made) == error
