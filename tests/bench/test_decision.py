"""The decision benchmark measures what its table says."""

from __future__ import annotations

import pytest

from bench import decision
from proxy.routing import policy
from proxy.routing.decision import decide
from proxy.routing.facts import Facts
from proxy.routing.policy import DIALECT_HEADERS, HEADERS
from proxy.routing.routing_request import RoutingRequest


def test_the_table_has_a_row_for_every_measurement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(decision, "ROUNDS", 1)
    monkeypatch.setattr(decision, "ROUND_S", 0.0)
    decision.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and sum("goal" in line for line in lines) == 6


def test_all_headers_are_all_except_the_failover_config() -> None:
    assert decision.ALL_HEADERS.keys() == (HEADERS.keys() | DIALECT_HEADERS.keys()) - {"X-Failover-Config"}


@pytest.mark.parametrize(("providers", "regions", "count"), [(6, 2, 12), (75, 8, 600)])
def test_every_target_is_in_the_plan(providers: int, regions: int, count: int) -> None:
    snapshot = decision.build_snapshot(providers, regions)
    request = RoutingRequest(Facts("chat", "m", prompt_tokens=800), policy.EMPTY_POLICY, "automatic", "seed")
    assert len(decide(request, snapshot, decision.build_signals(snapshot)).plan) == count


def test_with_all_compatible_headers_targets_remain() -> None:
    snapshot = decision.build_snapshot(6, 2)
    request = RoutingRequest(
        Facts("chat", "m"), policy.parse_policy(decision.COMPATIBLE_HEADERS, snapshot), "automatic", "seed"
    )
    assert len(decide(request, snapshot, decision.build_signals(snapshot)).plan) == 12
