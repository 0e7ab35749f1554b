"""Defaults, and the patterns of URLs and names."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from proxy.config import schema
from proxy.config.units import Seconds


def test_omitted_keys_have_defaults() -> None:
    file = schema.RoutingFile(providers={}, models={})
    assert (file.listen.host, file.listen.port, file.admin.port) == ("127.0.0.1", 8090, 9464)
    assert (file.defaults.region, file.drain.timeout, file.pipeline) == ("us-east-1", 25, [])
    assert schema.Timeouts() == schema.Timeouts(
        connect=Seconds(5), first_token=Seconds(60), idle=Seconds(30), content_idle=Seconds(300), response=Seconds(300)
    )


@pytest.mark.parametrize("section", [schema.Listen, schema.Drain, schema.Timeouts])
def test_sections_are_frozen(section: Any) -> None:
    with pytest.raises(AttributeError):
        section().timeout = 1


def pattern(kind: object) -> str:
    found = getattr(msgspec.inspect.type_info(kind), "pattern", None)
    assert found
    return str(found)


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "http://127.0.0.1:8000", "http://[::1]:80/v1", "https://x/"]
)
def test_a_plain_http_url_is_a_base_url(url: str) -> None:
    assert re.search(pattern(schema.Url), url)


@pytest.mark.parametrize(
    "url",
    ["", "api.openai.com", "ftp://x", "https://", "https://user:pass@x", "https://x?a=b", "https://x#f", "https://x y"],
)
def test_other_urls_are_not_base_urls(url: str) -> None:
    assert not re.search(pattern(schema.Url), url)


@pytest.mark.parametrize(
    ("name", "fits"),
    [("openai", True), ("a", True), ("open_ai-2", True), ("4all", True), ("OpenAI", False), ("", False), ("-a", False),
     ("a.b", False), ("a/b", False), ("a" * 65, False)],
)  # fmt: skip
def test_provider_names_are_short_and_lower_case(name: str, fits: bool) -> None:
    assert bool(re.search(schema.PROVIDER_NAME, name)) is fits
