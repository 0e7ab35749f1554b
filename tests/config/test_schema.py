"""Defaults, and the patterns of names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from proxy.config import schema
from proxy.config.units import Seconds


def test_omitted_keys_have_defaults() -> None:
    file = schema.RoutingFile(providers={}, models={})
    assert (file.listen.host, file.listen.port, file.admin.port) == ("127.0.0.1", 8090, 9464)
    assert (file.defaults.region, file.drain.timeout, file.pipeline) == ("us-east-1", 25, None)
    assert schema.Timeouts() == schema.Timeouts(
        connect=Seconds(5), first_token=Seconds(120), idle=Seconds(60), content_idle=Seconds(300), response=Seconds(300)
    )


def test_sections_are_frozen() -> None:
    section: Any = schema.Timeouts()
    with pytest.raises(AttributeError):
        section.connect = 1


@pytest.mark.parametrize(
    ("name", "fits"),
    [("openai", True), ("a", True), ("open_ai-2", True), ("4all", True), ("OpenAI", False), ("", False), ("-a", False),
     ("a.b", False), ("a/b", False), ("a" * 65, False)],
)  # fmt: skip
def test_provider_names_are_short_and_lower_case(name: str, fits: bool) -> None:
    assert bool(re.search(schema.PROVIDER_NAME, name)) is fits
