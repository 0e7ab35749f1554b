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
    asked,
    attempt_error,
    attempt_name,
    callers_mistake,
    of_attempt,
    of_request,
    request_error,
    request_name,
    started,
)
from tests.fakes import exchange, request, served
from tests.source import ROOT, sources


def at(base_url: str = "https://a.test/v1", dialect: str = "openai"):
    """An attempt at such a target."""
    made = served()
    step = made.serving.step
    provider = replace(step.target.provider, dialect=dialect)
    made.serving.step = altered(step, target=replace(step.target, base_url=base_url, provider=provider))
    return made.serving


def test_every_endpoint_has_its_operation():
    assert set(OPERATIONS) == set(PATHS.values())


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("openai", "openai"), ("anthropic", "anthropic"), ("google", "gcp.gemini"), ("mistral", "mistral_ai"),
     ("cohere", "cohere"), ("meta", "a")],
)  # fmt: skip
def test_providers_have_the_names_of_the_conventions_and_others_the_files(dialect, name):
    assert started(at(dialect=dialect), 1)["gen_ai.provider.name"] == name


@pytest.mark.parametrize(
    ("base_url", "address", "port"),
    [("https://a.test/v1", "a.test", 443), ("http://a.test", "a.test", 80), ("http://[::1]:8080/v1", "::1", 8080)],
)
def test_a_server_is_its_host_and_port_and_nothing_more_of_the_url(base_url, address, port):
    said = started(at(base_url), 2)
    assert (said["server.address"], said["server.port"], said["parrot.attempt"]) == (address, port, 2)
    assert base_url not in map(str, said.values())


def test_the_docs_name_every_attribute():
    text = (ROOT / "docs" / "observability.md").read_text()
    names = set(
        re.findall(r'"((?:gen_ai|http|url|server|error|parrot)\.[a-z_.]+)"', sources()["proxy/tracing/attributes.py"])
    )
    assert len(names) > 20 and [name for name in names if f"`{name}`" not in text] == []


def test_names_are_the_operation_and_the_model_or_the_method():
    made = served()
    made.facts = Facts("chat", "m")
    assert (request_name(made), attempt_name(made.serving)) == ("chat m", "chat m-a")
    assert request_name(altered(made, endpoint="", facts=Facts())) == "POST"


def test_of_the_path_the_query_is_left_out_and_the_rest_is_bounded():
    made = exchange(altered(request(b""), path="/v1/" + "x" * 1000 + "?key=secret"))
    path = asked(made)["url.path"]
    assert len(path) == 256 and "?" not in path
    made.facts = Facts("chat", "x" * 1000)
    assert len(of_request(made)["gen_ai.request.model"]) == 256


def test_a_request_that_nobody_served_says_only_what_is_known():
    made = exchange()
    made.endpoint, made.outcome, made.status = "", "invalid_api_key", 401
    assert of_request(made) == {
        "http.response.status_code": 401, "error.type": "invalid_api_key", "parrot.request_id": "req-1",
        "parrot.attempts": 0, "parrot.outcome": "invalid_api_key",
    }  # fmt: skip
    assert callers_mistake(made)


def test_an_attempt_that_has_content_was_answered_with_200():
    attempt = served().serving
    assert "http.response.status_code" not in of_attempt(attempt)
    attempt.content = 101.0
    assert of_attempt(attempt) == {"http.response.status_code": 200}
    attempt.exchange.facts = Facts("chat", "m", stream=True)
    assert of_attempt(attempt)["gen_ai.response.time_to_first_chunk"] == 1.0
    attempt.status = 503
    assert of_attempt(attempt)["http.response.status_code"] == 503


def test_tokens_and_reasons_are_the_answers():
    attempt = served().serving
    attempt.answer.usage, attempt.answer.finish, attempt.answer.model = {"prompt_tokens": 3}, "length", "m-1"
    assert of_attempt(attempt) == {
        "gen_ai.response.model": "m-1", "gen_ai.response.finish_reasons": ("length",), "gen_ai.usage.input_tokens": 3,
    }  # fmt: skip


def test_what_the_provider_wrote_is_bounded_and_text_or_nothing():
    attempt = served().serving
    attempt.answer.finish, attempt.answer.model = "y" * 1000, "x" * 1000
    said = of_attempt(attempt)
    assert (said["gen_ai.response.model"], said["gen_ai.response.finish_reasons"]) == ("x" * 256, ("y" * 256,))
    attempt.answer.finish, attempt.answer.model = {"said": "Hello"}, 7
    assert of_attempt(attempt) == {}


@pytest.mark.parametrize(
    ("outcome", "error"), [("ok", None), (None, None), ("abandoned", None), ("outrun", None), ("timeout", "timeout")]
)
def test_it_is_no_error_of_an_attempt_to_be_let_go_of(outcome, error):
    attempt = served().serving
    attempt.outcome = outcome
    assert attempt_error(attempt) == error


@pytest.mark.parametrize(
    ("outcome", "error"), [("ok", None), ("client_gone", None), ("abandoned", "abandoned"), ("timeout", "timeout")]
)
def test_it_is_no_error_of_a_request_that_its_caller_left(outcome, error):
    made = exchange()
    made.outcome = outcome
    assert request_error(made) == error
