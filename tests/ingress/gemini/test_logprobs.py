"""Probabilities of tokens, in Google's words."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ingress.gemini.logprobs import logprobs_members


@pytest.mark.parametrize("logprobs", [None, {}, {"content": []}, {"content": None}, 5])
def test_without_probabilities_there_is_nothing(logprobs: Any) -> None:
    assert logprobs_members({"logprobs": logprobs}) == {}


def test_each_token_has_its_own_and_those_of_the_alternatives() -> None:
    other = {"token": "b", "logprob": -2}
    content = [{"token": "a", "logprob": -0.5, "top_logprobs": [other]}, {"token": 5, "logprob": None}]
    assert logprobs_members({"logprobs": {"content": content}}) == {
        "avgLogprobs": -0.25,
        "logprobsResult": {
            "chosenCandidates": [{"token": "a", "logProbability": -0.5}, {"token": "", "logProbability": 0.0}],
            "topCandidates": [{"candidates": [{"token": "b", "logProbability": -2}]}, {"candidates": []}],
        },
    }
