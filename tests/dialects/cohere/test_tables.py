from __future__ import annotations

import inspect

import cohere

from proxy.dialects.cohere.tables import FAILED_FINISH_REASONS, FINISH_REASONS, PARAMS


def test_every_name_is_one_that_cohere_knows() -> None:
    told = {number.provider_name for number in PARAMS.numbers.values()} | set(PARAMS.copied.values())
    assert told <= set(inspect.signature(cohere.ClientV2.chat).parameters)


def test_no_finish_is_both_good_and_broken() -> None:
    assert not FAILED_FINISH_REASONS.keys() & FINISH_REASONS.keys()
