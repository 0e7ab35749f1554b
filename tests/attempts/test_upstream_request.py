"""URL, headers and key of a request come from routing.yaml; the caller chooses none of them."""

from __future__ import annotations

import pytest
from msgspec import structs
from multidict import CIMultiDict

from proxy.attempts.upstream_request import build_upstream_request, upstream_request, with_key
from proxy.config.key_pool import PoolKey
from proxy.config.snapshot import Provider, Target
from proxy.config.units import Secret
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.messages import UpstreamRequest
from proxy.routing.policy import Policy
from tests.fakes import CANARIES, PROVIDER_KEY, planned_exchange, snapshot, start_attempt


def target(**options):
    template = snapshot().models["m"][0]
    provider = Provider("a", "openai", 1.0, **{"key": Secret(PROVIDER_KEY), **options})
    return Target(template.id, provider, "us", None, "https://a.test/v1", "m-a", template.timeouts)


def build(provider_request=None, forwarded=None, **options) -> UpstreamRequest:
    provider_request = provider_request or ProviderRequest("/chat/completions", b"{}")
    return build_upstream_request(target(**options), DIALECTS["openai"], provider_request, forwarded or {})


@pytest.mark.parametrize(
    "options, path, url",
    [
        ({}, "/chat/completions", "https://a.test/v1/chat/completions"),
        ({"query": {"api-version": "2024 1"}}, "/chat", "https://a.test/v1/chat?api-version=2024+1"),
        ({"query": {"v": "1"}}, "/chat?alt=sse", "https://a.test/v1/chat?alt=sse&v=1"),
    ],
)
def test_the_url_comes_from_routing_yaml(options, path, url):
    assert build(ProviderRequest(path, b"{}"), **options).url == url


@pytest.mark.parametrize(
    ("dialect", "endpoint", "path"),
    [
        ("openai", "chat", "/deployments/x"),
        ("openai", "embeddings", "/embeddings"),
        ("openai", "responses", "/responses"),
        ("anthropic", "messages", "/deployments/x"),
        ("anthropic", "count_tokens", "/v1/messages/count_tokens"),
    ],
)
def test_a_path_of_routing_yaml_is_that_of_chat_requests_alone(dialect, endpoint, path):
    attempt, spoken = start_attempt(planned_exchange()), DIALECTS[dialect]
    attempt.endpoint, attempt.provider_request = endpoint, ProviderRequest(spoken.paths[endpoint], b"{}")
    attempt.step = structs.replace(attempt.step, target=target(path="/deployments/x"))
    assert upstream_request(attempt, spoken).url == f"https://a.test/v1{path}"


def test_a_key_of_a_pool_is_sent_in_place_of_the_first_one():
    keyed = with_key(target(), PoolKey(Secret("sk-other"), "key 2", None))
    request = build_upstream_request(keyed, DIALECTS["openai"], ProviderRequest("/chat", b"{}"), {})
    assert request.headers["authorization"] == "Bearer sk-other" and keyed.id == target().id


@pytest.mark.parametrize(
    "auth, name, value",
    [
        (None, "Authorization", f"Bearer {PROVIDER_KEY}"),
        ("x-api-key", "x-api-key", PROVIDER_KEY),
        ("api-key", "api-key", PROVIDER_KEY),
        ("x-goog-api-key", "x-goog-api-key", PROVIDER_KEY),
    ],
)
def test_the_key_is_sent_in_the_providers_auth_header(auth, name, value):
    headers = CIMultiDict(build(auth=auth).headers)
    assert headers[name] == value
    assert str(headers).count(PROVIDER_KEY) == 1


def test_no_key_is_sent_without_one():
    assert not [canary for canary in CANARIES if canary in str(build(key=None).headers)]


@pytest.mark.parametrize(
    "forwarded, own, sent",
    [
        ({}, {}, "2023-06-01"),
        ({"anthropic-version": "2026-10-21"}, {}, "2026-10-21"),
        ({"anthropic-version": "2026-10-21"}, {"Anthropic-Version": "2023-06-01"}, "2023-06-01"),
    ],
)
def test_a_header_that_the_dialect_needs_has_a_default(forwarded, own, sent):
    request = ProviderRequest("/v1/messages", b"{}", headers=own)
    built = build_upstream_request(target(), DIALECTS["anthropic"], request, forwarded)
    assert built.headers["anthropic-version"] == sent


def test_routing_yaml_overrides_a_forwarded_header_in_any_case():
    headers = build(
        ProviderRequest("/x", b"", headers={"User-Agent": "dialect"}),
        {"user-agent": "caller", "openai-organization": "callers"},
        headers={"OpenAI-Organization": "files", "content-type": "text/plain", "authorization": "none"},
    ).headers
    assert {name.lower(): value for name, value in headers.items()} == {
        "user-agent": "dialect",
        "openai-organization": "files",
        "content-type": "application/json",
        "authorization": f"Bearer {PROVIDER_KEY}",
    }
    assert len(headers) == 4


@pytest.mark.parametrize("retries", [True, False])
def test_a_request_without_retries_is_sent_once(retries):
    attempt = start_attempt(planned_exchange())
    attempt.exchange.policy = Policy(retry_on_provider_error=retries)
    assert upstream_request(attempt, DIALECTS["openai"]).is_sent_once is not retries
