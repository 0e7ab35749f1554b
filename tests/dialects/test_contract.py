"""How a key may travel, and what a dialect is when it says nothing special."""

from __future__ import annotations

import pytest

from proxy.dialects.contract import AUTH_SCHEMES, ProviderRequest, ResponseContext
from proxy.dialects.openai import DIALECT


@pytest.mark.parametrize(
    ("way", "header", "value"),
    [
        ("bearer", "Authorization", "Bearer sk-1"),
        ("x-api-key", "x-api-key", "sk-1"),
        ("api-key", "api-key", "sk-1"),
        ("x-goog-api-key", "x-goog-api-key", "sk-1"),
    ],
)
def test_a_key_travels_in_one_header(way: str, header: str, value: str) -> None:
    name, form = AUTH_SCHEMES[way]
    assert (name, form.format("sk-1")) == (header, value)


def test_each_answer_is_noted_on_a_sheet_of_its_own() -> None:
    one, other = (ResponseContext("openai", "m", "chatcmpl-1", 0) for _ in range(2))
    one.answer.finish_reason = "stop"
    assert other.answer.finish_reason is None
    assert ProviderRequest().warnings == ()


def test_a_dialect_supports_everything_unless_it_says_otherwise() -> None:
    assert DIALECT.unsupported_params({"logprobs": True}, "m") == ()
