"""How long an attempt has for its first content, and how long its stream may be silent."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from msgspec import structs

from proxy.errors import CallerTimeout, ConnectError, ParrotError, ResourceExhaustedError, UpstreamTimeout
from proxy.exchange import Attempt
from proxy.resilience.classification import classify
from proxy.routing.facts import Facts
from proxy.upstream.attempt_timeouts import AttemptTimeouts
from tests.fakes import planned_exchange, snapshot, start_attempt


def attempt(**changes: float) -> Attempt:
    made = start_attempt(planned_exchange())
    made.first_content_timeout_s = changes.get("own_s")
    return made


def test_a_timeout_past_the_callers_own_limit_fails_over_and_counts_against_nothing() -> None:
    limit = AttemptTimeouts(attempt(own_s=2.0), 100.0)
    assert limit.limit_s == 2.0
    failure = limit.attribute(UpstreamTimeout("h did not respond in time"), 102.0)
    assert isinstance(failure, CallerTimeout) and (failure.status, failure.trigger) == (504, "timeout")
    assert failure.message == "h did not respond in time, which the request limits by max_additional_latency_ms"
    classification = classify(failure)
    assert classification.fails_over
    assert (classification.counts_as, classification.consecutive, classification.fault) == (None, "keep", False)


def test_a_timeout_before_the_callers_own_limit_is_the_targets() -> None:
    failure = UpstreamTimeout("h accepted no request data for 1 s")
    assert AttemptTimeouts(attempt(own_s=2.0), 100.0).attribute(failure, 101.0) is failure


@pytest.mark.parametrize("failure", [ConnectError("refused"), ResourceExhaustedError("out of resources")])
def test_other_failures_stay_what_they_are(failure: ParrotError) -> None:
    assert AttemptTimeouts(attempt(own_s=2.0), 100.0).attribute(failure, 102.0) is failure


def with_facts(timeouts: str = "{}", **facts: bool) -> Attempt:
    made = attempt()
    made.exchange.facts = Facts("chat", "m", **facts)
    made.step = structs.replace(made.step, target=snapshot(timeouts).models["m"][0])
    return made


@pytest.mark.parametrize(
    ("timeouts", "facts", "is_last", "seconds"),
    [
        ("{}", {"stream": True}, True, 120),
        ("{}", {"stream": True, "asks_for_reasoning": True}, False, 600),
        ("{}", {}, False, 300),
        ("{}", {}, True, 600),
        ("{}", {"asks_for_reasoning": True}, False, 600),
        ("{first_token: 30s}", {"stream": True, "asks_for_reasoning": True}, True, 30),
        ("{response: 30s}", {"asks_for_reasoning": True}, True, 30),
    ],
)
def test_a_model_that_thinks_and_the_last_target_have_longer_unless_the_file_says_how_long(
    timeouts: str, facts: dict[str, bool], is_last: bool, seconds: float
) -> None:
    made = with_facts(timeouts, **facts)
    made.is_last = is_last
    assert AttemptTimeouts(made, 100.0).limit_s == seconds


class Transferred:
    """Records the timeouts that it is given."""

    def __init__(self) -> None:
        self.timeouts: list[tuple[float, float]] = []

    def set_timeouts(self, *, deadline: float, idle_timeout_s: float) -> None:
        self.timeouts.append((deadline, idle_timeout_s))


@pytest.mark.parametrize(("timeouts", "deadlines"), [("{}", [230.0, 260.0, 700.0]), ("{first_token: 30s}", [])])
def test_progress_extends_the_wait_for_the_first_content_to_ten_minutes(timeouts: str, deadlines: list[float]) -> None:
    transfer: Any = Transferred()
    limit = AttemptTimeouts(with_facts(timeouts, stream=True), 100.0)
    for now in (110.0, 140.0, 650.0):
        limit.extend(transfer, now)
    assert transfer.timeouts == [(deadline, inf) for deadline in deadlines]


@pytest.mark.parametrize(
    ("timeouts", "asks", "silences"),
    [("{}", False, [60.0]), ("{}", True, [600.0, 60.0]), ("{idle: 5s}", True, [5.0, 5.0])],
)
def test_silence_while_the_model_thinks_is_allowed(timeouts: str, asks: bool, silences: list[float]) -> None:
    transfer: Any = Transferred()
    limit = AttemptTimeouts(with_facts(timeouts, stream=True, asks_for_reasoning=asks), 100.0)
    limit.open(transfer)
    assert limit.is_reasoning is asks
    if limit.is_reasoning:
        limit.end_reasoning(transfer)
    assert transfer.timeouts == [(inf, seconds) for seconds in silences] and not limit.is_reasoning
