"""The bench of the decision measures what it says it does."""

from __future__ import annotations

import pytest

from bench import decision
from proxy.routing import policy
from proxy.routing.decision import decide
from proxy.routing.facts import Facts
from proxy.routing.policy import DIALECT_HEADERS, HEADERS
from proxy.routing.routing_request import RoutingRequest


def test_every_goal_has_a_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(decision, "ROUNDS", 1)
    monkeypatch.setattr(decision, "ROUND_S", 0.0)
    decision.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and sum("goal" in line for line in lines) == 6


def test_all_headers_are_all_but_the_chain_that_would_forbid_the_others() -> None:
    assert decision.ALL_HEADERS.keys() == (HEADERS.keys() | DIALECT_HEADERS.keys()) - {"X-Failover-Config"}


@pytest.mark.parametrize(("providers", "regions", "count"), [(6, 2, 12), (75, 8, 600)])
def test_so_many_targets_are_decided_among(providers: int, regions: int, count: int) -> None:
    made = decision.snapshot(providers, regions)
    question = RoutingRequest(Facts("chat", "m", prompt_tokens=800), policy.EMPTY_POLICY, "automatic", "seed")
    assert len(decide(question, made, decision.signals(made)).plan) == count


def test_with_all_headers_somebody_is_left_to_serve() -> None:
    made = decision.snapshot(6, 2)
    question = RoutingRequest(
        Facts("chat", "m"), policy.parse_policy(decision.COMPATIBLE_HEADERS, made), "automatic", "seed"
    )
    assert len(decide(question, made, decision.signals(made)).plan) == 12
