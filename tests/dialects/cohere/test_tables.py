"""The tables match Cohere's SDK."""

from __future__ import annotations

import inspect

import cohere

from proxy.dialects.cohere.tables import FAILED_FINISH_REASONS, FINISH_REASONS, PARAMS


def test_every_parameter_name_exists_in_coheres_sdk() -> None:
    names = {number.provider_name for number in PARAMS.numbers.values()} | set(PARAMS.copied.values())
    assert names <= set(inspect.signature(cohere.ClientV2.chat).parameters)


def test_no_finish_reason_is_both_successful_and_failed() -> None:
    assert not FAILED_FINISH_REASONS.keys() & FINISH_REASONS.keys()
