"""API key headers, and the defaults of a dialect."""

from __future__ import annotations

import pytest

from proxy.dialects.contract import AUTH_SCHEMES, ProviderRequest, ResponseContext
from proxy.dialects.openai import DIALECT


@pytest.mark.parametrize(
    ("scheme", "header", "value"),
    [
        ("bearer", "Authorization", "Bearer sk-1"),
        ("x-api-key", "x-api-key", "sk-1"),
        ("api-key", "api-key", "sk-1"),
        ("x-goog-api-key", "x-goog-api-key", "sk-1"),
    ],
)
def test_a_key_is_sent_in_one_header(scheme: str, header: str, value: str) -> None:
    name, form = AUTH_SCHEMES[scheme]
    assert (name, form.format("sk-1")) == (header, value)


def test_each_context_has_a_state_of_its_own() -> None:
    one, other = (ResponseContext("openai", "m", "chatcmpl-1", 0) for _ in range(2))
    one.answer.finish_reason = "stop"
    assert other.answer.finish_reason is None
    assert ProviderRequest().warnings == ()


def test_by_default_no_parameter_is_unsupported() -> None:
    assert DIALECT.unsupported_params({"logprobs": True}, "m") == ()
