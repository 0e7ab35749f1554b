"""What a target has refused is remembered for ten minutes, for as many targets as there is room."""

from __future__ import annotations

from proxy.resilience.refused_params import KEPT_S, RefusedParams


def test_a_refusal_is_remembered_for_a_while() -> None:
    refused = RefusedParams()
    assert refused.of("a", 0) == frozenset()
    refused.add("a", "stream_options", 1.0)
    refused.add("a", "max_tokens", 50.0)
    assert refused.of("a", 60.0) == {"stream_options", "max_tokens"} and refused.of("b", 60.0) == frozenset()
    assert refused.of("a", 1.0 + KEPT_S) == {"max_tokens"}


def test_the_oldest_targets_are_forgotten() -> None:
    refused = RefusedParams()
    for number in range(1_001):
        refused.add(str(number), "p", 0.0)
    assert [bool(refused.of(str(number), 0.0)) for number in (0, 1, 1_000)] == [False, True, True]
