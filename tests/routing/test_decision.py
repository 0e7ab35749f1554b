"""The plan: who serves, in which order, and why the others do not."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from proxy.config.snapshot import Snapshot
from proxy.routing.decision import Decision, Question, decide
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.telemetry.signals import Signal, Signals
from tests.files import loaded, providers

FOUR = providers({"a": 50, "b": 25, "c": 25, "z": 0})
REGIONS = providers({"a": 50, "b": 50}, {"a": ("r1", "r2", "r3", "r4"), "b": ("r1",)})
NOBODY_DOWN = Signals()
NOTHING = Policy()


def plan(seed: str, snapshot: Snapshot = FOUR, policy: Policy = NOTHING, signals: Signals = NOBODY_DOWN) -> Decision:
    return decide(Question(Facts("chat", "m"), policy, "automatic", seed), snapshot, signals)


def names(decision: Decision) -> list[str]:
    return [step.target.provider.name for step in decision.steps]


def places(decision: Decision) -> list[str]:
    return [f"{step.target.provider.name}@{step.target.region}" for step in decision.steps]


def test_shares_follow_the_weights_and_the_weightless_are_last() -> None:
    plans = [names(plan(f"req-{number}")) for number in range(20_000)]
    first = Counter(order[0] for order in plans)
    assert all(abs(first[name] / 20_000 - share) < 0.015 for name, share in zip("abc", (0.5, 0.25, 0.25), strict=True))
    assert {order[-1] for order in plans} == {"z"}


def test_regions_do_not_change_a_providers_share() -> None:
    first = Counter(places(plan(f"req-{number}", REGIONS))[0] for number in range(20_000))
    assert abs(first["b@r1"] / 20_000 - 0.5) < 0.015
    assert all(abs(first[f"a@r{number}"] / 20_000 - 0.125) < 0.015 for number in range(1, 5))


def test_the_same_seed_gives_the_same_decision_and_others_give_others() -> None:
    assert plan("req-1") == plan("req-1")
    assert len({tuple(names(plan(f"req-{number}"))) for number in range(100)}) == 6


@pytest.mark.parametrize("seed", ["1", "2", "3", "4", "5"])
@pytest.mark.parametrize(
    ("policy", "order"),
    [
        (Policy(preference=("z", "b")), "zb.."),
        (Policy(preference=("b",)), "b..z"),
        (Policy(preference=("nobody", "c")), "c..z"),
        (Policy(preference=("c", "b", "a", "z")), "cbaz"),
        (Policy(fallbacks=("b", "z", "a")), "bza"),
        (Policy(fallbacks=("z",)), "z"),
        (Policy(only=("a", "c"), preference=("c",)), "ca"),
        (Policy(only=("z",)), "z"),
        (Policy(fallbacks=("b", "a"), preference=("a",)), "ba"),
    ],
)
def test_a_chain_is_walked_in_its_order_and_the_rest_by_the_strategy(policy: Policy, order: str, seed: str) -> None:
    found = names(plan(seed, policy=policy))
    assert len(found) == len(order) == len(set(found))
    assert all(wanted in (".", name) for wanted, name in zip(order, found, strict=True))


@pytest.mark.parametrize("seed", ["1", "2", "3", "4", "5"])
def test_a_chain_takes_each_providers_best_region_before_any_second_one(seed: str) -> None:
    free = [place for place in places(plan(seed, REGIONS)) if place.startswith("a@")]
    found = places(plan(seed, REGIONS, Policy(preference=("a", "b"))))
    assert found == [free[0], "b@r1", *free[1:]]


@pytest.mark.parametrize("policy", [Policy(), Policy(preference=("a", "b")), Policy(fallbacks=("a", "b", "c", "z"))])
def test_one_that_is_down_is_tried_last(policy: Policy) -> None:
    down = Signals({target.id: Signal(1) for target in FOUR.targets("m") if target.provider.name == "a"})
    usual = names(plan("req-1", policy=policy))
    usual.remove("a")
    assert names(plan("req-1", policy=policy, signals=down)) == [*usual, "a"]


def test_when_all_are_down_the_order_is_the_usual_one() -> None:
    down = Signals({target.id: Signal(1 + number) for number, target in enumerate(FOUR.targets("m"))})
    assert plan("req-1", signals=down) == plan("req-1")


def test_a_share_is_divided_only_among_those_who_may_serve() -> None:
    only_a = plan("req-1", REGIONS, Policy(only=("a",)))
    assert len(only_a.steps) == 4
    assert [each.reason for each in only_a.excluded] == ["not_in_x_provider"]


def test_an_unknown_model_has_an_empty_plan() -> None:
    question = Question(Facts("chat", "unheard"), Policy(), "automatic", "seed")
    assert decide(question, FOUR, NOBODY_DOWN) == Decision("unheard", "automatic")


def test_a_decision_is_a_value_for_json() -> None:
    snapshot = loaded("""
providers:
  a: {dialect: openai, base_url: http://x, regions: {eu: {}}, weight: 0}
  b: {dialect: openai, base_url: http://x, api_key: "${UNSET}"}
models: {m: {a: up, b: up}}
""")
    said = plan("req-1", snapshot, Policy(strategy="automatic")).as_json()
    assert orjson.loads(orjson.dumps(said)) == {
        "model": "m",
        "strategy": "automatic",
        "plan": [{"target": "a@eu/up", "provider": "a", "region": "eu", "model": "up", "score": None}],
        "excluded": [{"target": "b@global/up", "provider": "b", "reason": "disabled"}],
    }


def test_a_score_is_a_number_that_the_order_follows() -> None:
    scores = [step["score"] for step in plan("req-1").as_json()["plan"]]
    assert scores[:3] == sorted(scores[:3]) and scores[3] is None
