"""The members of a response."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ingress.openai_responses.output import event_logprobs, hub_annotations, hub_logprobs, item_id, usage_members
from tests.ingress.openai_responses.oracles import answer_context


@pytest.mark.parametrize(
    "usage", [{}, {"prompt_tokens": None}, {"prompt_tokens_details": 5}, {"completion_tokens": "x"}]
)
def test_counts_that_are_missing_or_wrong_are_0(usage: dict[str, Any]) -> None:
    assert usage_members(usage) == {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }


def test_the_id_of_an_item_has_the_prefix_of_its_type_and_is_unique_in_the_response() -> None:
    ids = [item_id("msg", answer_context(), index) for index in range(300)]
    assert len(set(ids)) == 300 and all(id.startswith("msg_abc") for id in ids)


def test_a_token_without_bytes_gets_those_of_its_text() -> None:
    token = {"token": "ä", "logprob": -1.0, "bytes": None, "top_logprobs": [{"token": "b", "logprob": -2.0}]}
    (found,) = hub_logprobs({"content": [token]})
    assert found["bytes"] == [195, 164] and found["top_logprobs"] == [{"token": "b", "bytes": [98], "logprob": -2.0}]
    assert event_logprobs([found]) == [
        {"token": "ä", "logprob": -1.0, "top_logprobs": [{"token": "b", "logprob": -2.0}]}
    ]


@pytest.mark.parametrize("annotations", [None, 5, [], [5], [{}], [{"url_citation": 5}], [{"type": "file_citation"}]])
def test_what_is_no_citation_of_a_page_is_left_out(annotations: Any) -> None:
    assert hub_annotations(annotations) == []
