"""Translates the probabilities of an answer's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of


def logprobs_members(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate's `logprobsResult` and `avgLogprobs`, {} without probabilities."""
    tokens = objects_of(object_of(choice.get("logprobs")).get("content"))
    chosen = list(map(_candidate, tokens))
    if not chosen:
        return {}
    top = [{"candidates": list(map(_candidate, objects_of(token.get("top_logprobs"))))} for token in tokens]
    average = sum([each["logProbability"] for each in chosen]) / len(chosen)
    return {"avgLogprobs": average, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": top}}


def _candidate(token: Mapping[str, Any]) -> dict[str, Any]:
    value = token.get("logprob")
    return {"token": text_of(token.get("token")), "logProbability": value if isinstance(value, (int, float)) else 0.0}
