"""When an attempt is hedged, and what its silence says about its target."""

from __future__ import annotations

import asyncio

import pytest

from proxy.attempts.hedging import hedge_delay_s, threshold_of
from proxy.attempts.settings import OFF, AutoOrDuration, FailoverOptions, Hedge
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from tests.attempts.fixtures import Requests, planned, start_attempts
from tests.fakes import FOREVER, Later, chunk_event
from tests.virtual_time import virtual_time

STREAM = Facts("chat", "m", stream=True)
REASONING = Facts("chat", "m", stream=True, asks_for_reasoning=True)
ANSWER = [chunk_event("x"), chunk_event(finish="stop")]
TARGET = "a@us/m-a"


def delay_s(made):
    return hedge_delay_s(made.planner, threshold_of(made.planner, made.start_first()))


@virtual_time
async def test_there_is_no_hedge_where_the_plan_has_no_other_target():
    running = start_attempts([FOREVER], "a", stream=True)
    await asyncio.sleep(100)
    assert running.run.due == float("inf") and running.transport.tried == "a"


@pytest.mark.parametrize(
    ("after", "policy", "facts", "seconds"),
    [
        (-1.0, Policy(), STREAM, 8.0),
        (-1.0, Policy(), Facts("chat", "m"), 20.0),
        (-1.0, Policy(), REASONING, 60.0),
        (3.0, Policy(), STREAM, 3.0),
        (3.0, Policy(max_latency_ms=500), STREAM, 0.5),
        (3.0, Policy(max_latency_ms=10), STREAM, 0.25),
        (3.0, Policy(max_latency_ms=10), Facts("chat", "m"), 3.0),
    ],
)
def test_the_hedge_delay_comes_from_the_options_or_the_latency_limit(after, policy, facts, seconds):
    made = planned(policy=policy, options=FailoverOptions(hedge=Hedge(AutoOrDuration(after))))
    made.exchange.facts = facts
    assert delay_s(made) == seconds


@pytest.mark.parametrize(("samples", "seconds"), [(19, 8), (20, 20)])
def test_from_twenty_samples_on_the_hedge_delay_is_twice_the_targets_p95(samples, seconds):
    made = planned()
    for _ in range(samples):
        made.exchange.runtime.telemetry.observations.start_attempt(TARGET, 80.0).record_finish(90.0)
    assert delay_s(made) == pytest.approx(seconds, rel=0.2)


@virtual_time
async def test_a_hedge_that_is_off_never_starts():
    running = start_attempts([FOREVER], "ab", stream=True, hedge=Hedge(AutoOrDuration(OFF)))
    await asyncio.sleep(100)
    assert running.transport.tried == "a"


def signal(requests):
    """Return what a decision reads of the first target."""
    return requests.runtime.routing.signals.table_at(requests.runtime.clock()).get(TARGET)


@virtual_time
async def test_a_lone_user_of_a_slow_model_is_not_hedged_again_and_again():
    requests = Requests([Later(25.0, ANSWER), Later(60.0, ANSWER)] + [Later(25.0, ANSWER)] * 9)
    for _ in range(10):
        running = requests.start(facts=STREAM)
        await running.has_ended.wait()
        assert running.outcomes[0] == "ok"
    assert requests.transport.tried == "ab" + "a" * 9
    assert requests.runtime.telemetry.counters.hedges == {("b", "started"): 1}


@virtual_time
async def test_a_first_attempt_that_lost_makes_the_threshold_twice_what_it_had_waited():
    requests = Requests([FOREVER, Later(1.0, ANSWER), Later(17.5, ANSWER), FOREVER, Later(1.0, ANSWER)])
    for tried in ("ab", "aba", "abaab"):
        running = requests.start(facts=STREAM)
        await running.has_ended.wait()
        assert requests.transport.tried == tried
    assert running.outcomes == ["hedge_lost", "ok"]
    assert running.exchange.attempts[0].silence.floor_s(running.exchange.runtime.clock()) == pytest.approx(38)


@virtual_time
async def test_the_onset_of_a_silent_outage_costs_no_request_more_than_the_threshold():
    requests = Requests([FOREVER] * 20 + [Later(0.5, ANSWER)] * 25)
    running = [requests.start(facts=STREAM) for _ in range(17)]
    await asyncio.sleep(7)
    running += [requests.start(facts=STREAM) for _ in range(3)]  # they do not wait for their own threshold
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(each.has_ended.wait() for each in running))
    assert asyncio.get_running_loop().time() - began < 2
    assert all(each.outcomes == ["upstream_timeout", "ok"] and each.is_settled for each in running)
    assert signal(requests).availability.ejected_for_s > 0  # each was a timeout
    assert requests.transport.tried == "a" * 20 + "b" * 20


@virtual_time
async def test_new_requests_go_elsewhere_first_while_a_target_is_suspect():
    requests = Requests([FOREVER] * 30)
    for _ in range(3):
        requests.start(facts=STREAM)
    await asyncio.sleep(7)
    assert signal(requests).available_in_ms == 0
    await asyncio.sleep(1.1)
    assert signal(requests).available_in_ms == 1000 and signal(requests).availability.is_suspect
    requests.transport.transfers[0].push((200, {"content-type": "text/event-stream"}), b": ping\n\n", FOREVER)
    await asyncio.sleep(0.5)
    assert signal(requests).available_in_ms == 0


@virtual_time
async def test_one_answer_shows_that_a_target_is_only_slow():
    requests = Requests([Later(5.0, ANSWER), *[FOREVER] * 8, *[FOREVER] * 20])
    running = [requests.start(facts=STREAM) for _ in range(9)]
    await asyncio.sleep(20)
    assert running[0].outcomes == ["ok"] and not signal(requests).availability.is_suspect
    assert requests.transport.tried == "a" * 9 + "b" * 5  # the budget's own


@pytest.mark.parametrize(
    ("facts", "policy"),
    [(REASONING, Policy()), (STREAM, Policy(max_latency_ms=500))],
    ids=["reasoning", "a limit of the caller"],
)
@virtual_time
async def test_what_a_request_itself_expects_casts_no_suspicion(facts, policy):
    requests = Requests([FOREVER] * 20)
    running = [requests.start(facts=facts, policy=policy) for _ in range(7)]
    await asyncio.sleep(7 if facts is STREAM else 70)
    assert not signal(requests).availability.is_suspect
    assert requests.transport.tried == "a" * 7 + "b" * (5 if facts is STREAM else 6)
    for each in running:
        each.run.cancel()
    assert all(each.is_settled for each in running)


@virtual_time
async def test_a_hedge_that_wins_against_a_target_that_has_come_back_is_no_timeout():
    rows = [*[FOREVER] * 3, *[Later(3.0, ANSWER)] * 3]
    requests = Requests(rows)
    running = [requests.start(facts=STREAM) for _ in range(3)]
    await asyncio.sleep(9)
    requests.transport.transfers[0].push((200, {"content-type": "text/event-stream"}), FOREVER)
    await asyncio.gather(*(each.has_ended.wait() for each in running))
    assert all(each.outcomes == ["hedge_lost", "ok"] for each in running)
