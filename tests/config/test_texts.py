"""What the file puts into requests can be sent, or is an error with its place when the file is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.attempts.upstream_request import build_upstream_request
from proxy.config.document import ConfigError
from proxy.config.json_schema import json_schema
from proxy.config.schema import ProviderConfig
from proxy.config.texts import BaseUrl, matches
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import Route
from proxy.upstream.http1.request_head import encode_request_head
from proxy.upstream.probe import build_probe_request
from tests.files import config_errors, load_snapshot
from tests.schemas import validation_errors

FILE = """
providers:
  first:
    dialect: openai
    base_url: "https://a.test/v1${base_url:-}"
    path: "/chat${path:-}"
    api_key: "key${api_key:-}"
    query: {code: "q${code:-}"}
    headers:
      X-Team: "h${X_Team:-}"
    regions: {us: {body: {geo: "b${geo:-}"}}}
models: {m: {first: "m${first:-}"}}
"""
PLACES = ("base_url", "path", "api_key", "code", "X_Team", "geo", "first")
"""The keys whose values are sent, and the variables at the end of each value."""
CHARS = [*map(chr, range(0x21)), *'"#?%', "\x7f", "\x80", "\x85", "\xa0", "é", "\u2028", "🦜", "\udcff"]


def send(snapshot: Any) -> None:
    """Encode a request and a probe to each target as they are sent. Raises what sending raises."""
    for target in snapshot.targets("m"):
        chat = ProviderRequest(target.provider.path or "/chat", b"{}")
        request = build_upstream_request(target, DIALECTS["openai"], chat, {})
        for each in (request, build_probe_request(target)):
            parsed = parse_target(each.url)
            encode_request_head(each, parsed, Route(parsed.origin, None)).decode()
        "".join([target.model, *target.body.values()]).encode()


@pytest.mark.parametrize("char", CHARS)
@pytest.mark.parametrize("place", PLACES)
def test_a_character_can_be_sent_or_is_an_error_when_the_file_is_loaded(place: str, char: str) -> None:
    for text in (f"x{char}y", f"x{char}"):
        try:
            snapshot = load_snapshot(FILE, {place: text})
        except ConfigError as error:
            (problem,) = error.problems
            assert problem.path.rpartition(".")[2].replace("-", "_") == place and text not in problem.message
        else:
            send(snapshot)


TEXT = "text without line breaks and other control characters"
NAME = "a key here must be a header name, of letters, digits and !#$%&'*+.^_`|~-"
PATH = "expected a path such as /v1/chat, without spaces and unencoded characters, got text"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("h${X_Team:-}", r"a\nb", f"10:15: providers.first.headers.X-Team: expected {TEXT}, got text"),
        ("h${X_Team:-}", r"a\r\nB: 1", f"10:15: providers.first.headers.X-Team: expected {TEXT}, got text"),
        ("X-Team:", "X Team:", f"10:7: providers.first.headers: {NAME}"),
        ("X-Team:", "'X-Team:':", f"10:7: providers.first.headers: {NAME}"),
        ("X-Team:", r'"X-Team\n":', f"10:7: providers.first.headers: {NAME}"),
        ("/chat", "chat", f"6:11: providers.first.path: {PATH}"),
        ("/chat", "/a b", f"6:11: providers.first.path: {PATH}"),
        ("q${code:-}", r"q\n", f"8:19: providers.first.query.code: expected {TEXT}, got text"),
        ("code:", r'"co\tde":', f"8:13: providers.first.query: a key here must be {TEXT}"),
        ("key${api_key:-}", r"k\ney", "7:14: providers.first.api_key: the secret contains a space, a line break or a"
         " non-ASCII character"),
        ("first:", r'"first\n":', r"3:3: providers.first\n: a name must match ^[a-z0-9][a-z0-9_-]{0,63}$"),
    ],
)  # fmt: skip
def test_an_error_names_place_and_what_is_allowed(old: str, new: str, problem: str) -> None:
    assert f"routing.yaml:{problem}" in config_errors(FILE.replace(old, new, 1))


BASE_URLS = ["https://api.openai.com/v1", "http://127.0.0.1:8000", "http://[::1]:80/v1", "https://x/", "http://a_b.test",
             "https://bücher.example/a", "https://x/a%20b"]  # fmt: skip
NO_BASE_URLS = ["", "api.openai.com", "ftp://x", "https://", "https://user:pass@x", "https://x?a=b", "https://x#f",
                "https://x y", "https://x/a b", "https://x/\n", "https://x/é", "https://x\x01y", "https://x/\x7f"]  # fmt: skip
INVALID_HOSTS = [
    "http://x:99999",
    "http://x:port",
    "http://x:0",
    "http://:80",
    f"http://{'a' * 64}.test",
    "http://a..b",
    "http://[::1",
]


@pytest.mark.parametrize("url", BASE_URLS)
def test_a_plain_http_url_is_a_base_url(url: str) -> None:
    assert BaseUrl.parse(url) == url
    parse_target(url)


@pytest.mark.parametrize("url", [*NO_BASE_URLS, *INVALID_HOSTS])
def test_other_urls_are_not_base_urls(url: str) -> None:
    with pytest.raises(ValueError):
        BaseUrl.parse(url)


MEMBERS = {"dialect": "openai", "base_url": "https://x/v1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("base_url", url) for url in NO_BASE_URLS),
        ("path", "chat"),
        ("path", "/a b"),
        ("api_key", "two words"),
        ("api_key", "a\nb"),
        ("api_key", "é"),
        ("headers", {"X Team": "a"}),
        ("headers", {"X-Team": "a\nb"}),
        ("query", {"a": "b\n"}),
        ("query", {"a\n": "b"}),
        ("regions", {"us": {"body": {"a": "\x1b"}}}),
    ],
)
def test_the_json_schema_refuses_the_same(name: str, value: object) -> None:
    assert validation_errors({**MEMBERS, name: value}, json_schema(ProviderConfig)) != []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("base_url", url) for url in (*BASE_URLS, "${URL}", "https://${HOST}/v1")),
        ("path", "/chat?a=b"),
        ("api_key", " key\n"),
        ("api_key", ""),
        ("api_key", "${file:/a b}"),
        ("headers", {"X-Team": "Zürich ${A}"}),
        ("query", {"a b": "c d"}),
    ],
)
def test_the_json_schema_accepts_the_same(name: str, value: object) -> None:
    assert validation_errors({**MEMBERS, name: value}, json_schema(ProviderConfig)) == []


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [
        ("^[a-z]+$", "abc", True),
        ("^[a-z]+$", "abc\n", False),
        ("b", "abc\n", True),
        (r"^a\$", "a$", True),
        ("^(a|b$)", "b\n", True),
    ],
)
def test_a_pattern_matches_as_in_json_schema(pattern: str, text: str, does: bool) -> None:
    assert matches(pattern, text) is does
