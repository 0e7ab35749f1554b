"""The options of failover, as routing.yaml has them."""

from __future__ import annotations

import pytest

from proxy.attempts.settings import FailoverOptions, Hedge, for_model
from proxy.config.auto_duration import AUTO, OFF, AutoOrDuration
from proxy.config.schema import ModelFailover, ModelHedge
from proxy.config.units import Ratio, Seconds
from proxy.resilience.breaker import BreakerSettings


def test_the_default_options() -> None:
    assert FailoverOptions() == FailoverOptions(3, max_retry_after_wait=2.5, hedge=Hedge(AUTO, 0.05), resume="auto")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        (ModelFailover(), FailoverOptions()),
        (ModelFailover(max_retries=0), FailoverOptions(max_retries=0)),
        (ModelFailover(max_retry_after_wait=Seconds(9)), FailoverOptions(max_retry_after_wait=Seconds(9))),
        (ModelFailover(hedge="off"), FailoverOptions(hedge=Hedge(AutoOrDuration(OFF)))),
        (ModelFailover(hedge=ModelHedge(after=AutoOrDuration(3))), FailoverOptions(hedge=Hedge(AutoOrDuration(3)))),
        (ModelFailover(resume="off"), FailoverOptions(resume="off")),
    ],
)
def test_a_model_has_its_own_options(changes: ModelFailover, options: FailoverOptions) -> None:
    assert for_model(FailoverOptions(), changes) == options


def test_the_hedge_budget_and_the_breaker_are_those_of_all_models() -> None:
    shared = FailoverOptions(hedge=Hedge(budget=Ratio(0.2)), circuit_breaker=BreakerSettings(failure_threshold=2))
    found = for_model(shared, ModelFailover(hedge="off", max_retries=1))
    assert (found.hedge.budget, found.circuit_breaker) == (0.2, shared.circuit_breaker)
