"""Every class of failure has a verdict."""

from __future__ import annotations

import pytest

from proxy.dialects import faults
from proxy.errors import ConnectFailure, Refused, Silent, UpstreamFailure
from proxy.resilience.verdict import VERDICTS, judge


@pytest.mark.parametrize(
    ("trigger", "moves_on"),
    [
        ("connection_error", True),
        ("timeout", True),
        ("server_error", True),
        ("model_overloaded", True),
        ("rate_limit", True),
        ("quota", True),
        ("auth_error", True),
        ("not_found", True),
        ("context_length", False),
        ("content_filter", False),
        ("invalid_request", False),
    ],
)
def test_a_failure_moves_on_if_another_may_do_better(trigger: str, moves_on: bool) -> None:
    assert judge(Refused(400, {"message": "no"}, trigger=trigger)).moves_on is moves_on


@pytest.mark.parametrize("failure", [UpstreamFailure("x"), ConnectFailure("x"), Silent("x")])
def test_a_failure_without_an_answer_moves_on(failure: UpstreamFailure) -> None:
    assert judge(failure).moves_on


def subclasses(kind: type[UpstreamFailure]) -> set[type[UpstreamFailure]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_no_status_or_code_leads_to_a_class_without_a_verdict() -> None:
    codes = [None, "unheard_of", *faults._BY_CODE]
    named = {faults.trigger(status, code) for status in range(100, 600) for code in codes}
    assert named | {kind.trigger for kind in subclasses(UpstreamFailure)} <= VERDICTS.keys()
