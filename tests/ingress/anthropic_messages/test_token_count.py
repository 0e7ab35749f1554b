"""The estimate is an answer in Anthropic's words."""

from __future__ import annotations

from proxy.errors import InvalidRequestError, NoEligibleProviderError
from proxy.ingress.anthropic_messages.token_count import estimated_count


def test_the_estimate_is_at_least_one_token() -> None:
    assert estimated_count(NoEligibleProviderError("no"), 12) == b'{"input_tokens":12}'
    assert estimated_count(NoEligibleProviderError("no"), 0) == b'{"input_tokens":1}'


def test_an_error_about_the_request_stays() -> None:
    assert estimated_count(InvalidRequestError("no"), 12) is None
