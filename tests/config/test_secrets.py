"""Secrets of a file and its environment are found by their place, not by their form."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from proxy.config.secrets import Secrets, proxy_credentials
from proxy.config.units import Secret
from tests.running import build_generation

FILE = """
pipeline:
  - access_log
  - auth: {keys: [{name: "${NAME}", value: "${APP_KEY}"}]}
  - header_policy
  - limits
  - "tests.test_custom_middleware:Mark": {label: "${LABEL}"}
  - strategy
  - sse_passthrough
  - failover
  - translate
admin: {key: admin-key-0123}
providers:
  first:
    dialect: openai
    base_url: "https://${GATEWAY}.test/v1"
    api_key: "${FIRST_KEY}"
    headers:
      X-Team-Token: literal-token-1
      Authorization: "Bearer ${BEARER}"
      X-Title: My Application 2
      OpenAI-Organization: organization-1
      X-Region: "${REGION}"
      X-Tenant: "${TENANT}"
    query: {code: "${file:CODE}", api-version: 2024-10-21}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: ollama}
models:
  m: {first: "${MODEL}", second: m-two}
"""
ENVIRON = {
    "NAME": "application-1",
    "APP_KEY": "app-key-0123456",
    "LABEL": "label-0123456",
    "GATEWAY": "gateway-0123456",
    "FIRST_KEY": "first-key-0123456",
    "BEARER": "bearer-0123456",
    "REGION": "eu-central-1",
    "TENANT": "tenant-0123456",
    "MODEL": "gpt-4o-2024-08-06",
    "HTTPS_PROXY": "http://user:pa%2Fssword1@proxy.test:3128",
}
BASIC = b64encode(b"user:pa/ssword1").decode()


@pytest.fixture
def snapshot(tmp_path: Path):
    code = tmp_path / "code"
    code.write_text("code-0123456\n")
    return build_generation(FILE.replace("CODE", str(code)), ENVIRON).snapshot


def test_everything_secret_sent_to_a_provider_is_a_secret(snapshot):
    assert snapshot.providers["first"].redactor.secrets == {
        "first-key-0123456", "literal-token-1", "Bearer bearer-0123456", "bearer-0123456", "tenant-0123456",
        "code-0123456", "pa/ssword1", "pa%2Fssword1", BASIC, "gateway-0123456", "organization-1",
    }  # fmt: skip


def test_values_a_response_may_contain_are_weak(snapshot):
    assert snapshot.providers["first"].redactor.weak == {
        "My Application 2", "eu-central-1", "2024-10-21",
    }  # fmt: skip
    assert snapshot.providers["second"].redactor.weak == {"ollama"}


def test_the_secrets_of_the_log_are_those_of_the_file(snapshot):
    first = snapshot.providers["first"].redactor.secrets
    assert snapshot.secrets == first | {"app-key-0123456", "admin-key-0123", "label-0123456"}


def test_the_repr_of_a_snapshot_contains_no_secret(snapshot):
    shown = repr(snapshot)
    assert [secret for secret in (*snapshot.secrets, *ENVIRON.values()) if secret in shown] == ["gpt-4o-2024-08-06"]


def test_an_invalid_header_is_reported():
    with pytest.raises(
        Exception,
        match="providers.first.headers.X-Title: expected text without line breaks and other control characters, got a list",
    ):
        build_generation(FILE.replace("My Application 2", "[a]").replace("${file:CODE}", "x"), ENVIRON)


def test_an_unset_key_is_no_secret():
    none = Secrets.collect(frozenset(), [], {})
    for keys in ([], [Secret("", missing="X")]):
        assert none.redactor("a", keys, {}).secrets == none.redactor("a", keys, {}).weak == frozenset()


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, []),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "a:b@c"}, []),
        ({"http_proxy": "http://u:p%40w@proxy"}, ["p%40w", "p@w", b64encode(b"u:p@w").decode()]),
        ({"ALL_PROXY": "u:p@w@proxy:1"}, ["p@w", "p@w", b64encode(b"u:p@w").decode()]),
        ({"HTTPS_PROXY": "socks5://token@proxy:1/x@y"}, [b64encode(b"token:").decode()]),
    ],
)
def test_credentials_of_forward_proxies_are_secrets(environ, found):
    assert list(proxy_credentials(environ)) == found
