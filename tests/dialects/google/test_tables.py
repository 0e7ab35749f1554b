"""The tables match the enumerations of Google's SDK."""

from __future__ import annotations

import pytest
from google.genai import types

from proxy.dialects.google.safety import THRESHOLDS
from proxy.dialects.google.tables import FAILED_FINISH_REASONS, FINISH_REASONS, SERVICE_TIERS, generation


def test_every_finish_reason_of_the_sdk_is_mapped() -> None:
    unmapped = {"FINISH_REASON_UNSPECIFIED", "OTHER", "PUP_LIMITED_DISABLED"}
    assert set(FINISH_REASONS) | FAILED_FINISH_REASONS | unmapped == {reason.value for reason in types.FinishReason}
    assert not set(FINISH_REASONS) & FAILED_FINISH_REASONS


def test_thresholds_and_tiers_are_those_of_the_sdk() -> None:
    assert set(THRESHOLDS) == {threshold.value for threshold in types.HarmBlockThreshold}
    assert set(SERVICE_TIERS.values()) <= {tier.value for tier in types.ServiceTier}


@pytest.mark.parametrize(
    ("model", "number"),
    [
        ("gemini-1.5-pro", 1),
        ("gemini-2.5-flash-lite", 2),
        ("models/gemini-3.6-pro", 3),
        ("gemini-10", 10),
        ("gemini-pro-latest", 3),
        ("gemma-3-27b-it", 3),
    ],
)
def test_generation_is_parsed_from_the_model_name(model: str, number: int) -> None:
    assert generation(model) == number
