"""Properties of every decision, for generated files, signals and headers."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.config.snapshot import Snapshot
from proxy.routing import cost_ceiling
from proxy.routing.balancing import BalancerState
from proxy.routing.decision import Decision, PlannedTarget, decide
from proxy.routing.decision_cache import DecisionCache
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy, parse_policy
from proxy.routing.ranking import provider_chain
from proxy.routing.routing_request import RoutingRequest
from proxy.routing.strategies import STRATEGIES
from proxy.telemetry.signals import Percentiles, Performance, Signal, Signals, SignalTable
from tests.files import load_snapshot

# No shrinking: it takes minutes, and an unshrunk case is readable enough.
settings.register_profile(
    "decisions", max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
quickly = settings.get_profile("decisions")

NAMES = ("openai", "anthropic", "google", "mistral")
REGIONS = ("us-east-1", "eu-west-1", "eu-west-2", "ap-south-1")
ZONES = ("US", "EU", "UK", "IN")

lists = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True).map(",".join)
weights = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 60), min_size=1).map(
    lambda w: orjson.dumps(w).decode()
)
configs = st.tuples(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3)).map(
    lambda pair: orjson.dumps(
        {"primary_provider": pair[0], "fallback_rules": [{"provider": name} for name in pair[1]]}
    ).decode()
)
HEADERS: dict[str, st.SearchStrategy[str]] = {
    "X-Provider": lists,
    "X-Include-Providers": lists,
    "X-Exclude-Providers": st.sampled_from(NAMES),
    "X-Provider-Regions": st.lists(st.sampled_from(REGIONS), min_size=1, max_size=3).map(",".join),
    "X-Data-Residency": st.sampled_from(ZONES),
    "X-Max-Cost-Per-Request": st.sampled_from(("0.001", "0.01", "0.1", "5")),
    "X-Provider-Preference": lists,
    "X-Provider-Fallbacks": lists,
    "X-Failover-Config": configs,
    "X-Routing-Strategy": st.sampled_from(tuple(STRATEGIES)),
    "X-User-Region": st.sampled_from(REGIONS),
    "X-Max-Latency-Ms": st.sampled_from(("100", "400")),
    "X-Performance-Metric": st.sampled_from(("ttft", "latency", "throughput")),
    "X-Performance-Window": st.sampled_from(("10s", "7m")),
    "X-Load-Balance-Strategy": st.sampled_from(("round-robin", "weighted")),
    "X-Load-Balance-Providers": lists,
    "X-Provider-Weights": weights,
}
headers = st.fixed_dictionaries({}, optional=HEADERS)  # type: ignore[arg-type]

spreads = st.builds(Percentiles, st.none() | st.integers(1, 1000).map(float), st.just(900.0), st.integers(0, 30))
rows = st.builds(
    Signal,
    available_in_ms=st.sampled_from((0, 0, 0, 1, 5000)),
    degraded=st.booleans(),
    performance=st.builds(Performance, st.just(300), spreads, spreads, spreads),
    token_ratio=st.sampled_from((0.5, 1.0, 2.0)),
)
facts = st.builds(
    Facts,
    endpoint=st.sampled_from(("chat", "chat", "embeddings")),
    model=st.just("m"),
    stream=st.booleans(),
    prompt_tokens=st.integers(0, 9000),
    max_tokens=st.none() | st.integers(1, 5000),
    n=st.integers(1, 3),
    needs=st.sets(st.sampled_from(("tools", "images"))).map(frozenset),
)


@cache
def file(number: int) -> Snapshot:
    """One of a few files: regions, prices, contexts, unsupported and keys come and go with the number's bits."""
    lines = ["providers:"]
    for index, name in enumerate(NAMES):
        places = [region for bit, region in enumerate(REGIONS) if (number >> (bit + index)) & 1]
        key = ', api_key: "${UNSET}"' if number % 5 == index else ""
        regions = ", ".join(f"{region}: {{}}" for region in places)
        weight = number % (index + 3) * 10
        lines.append(
            f"  {name}: {{dialect: {name}, base_url: http://x, weight: {weight}{key}, regions: {{{regions}}}}}"
        )
    lines.append("models:\n  m:")
    for index, name in enumerate(NAMES):
        price = f", price: {{input: {index + number % 3}, output: {4 * index}}}" if (number >> index) & 1 else ""
        limits = f", context_window: {2000 * (index + 1)}" if (number >> (index + 1)) & 1 else ""
        unsupported = ", unsupported: [tools]" if (number >> (index + 2)) & 1 else ""
        priority = f", priority: {(number // 11 >> index) & 1}"
        lines.append(f"    {name}: {{model: '{name}-m'{price}{limits}{unsupported}{priority}}}")
    return load_snapshot("\n".join(lines))


@st.composite
def cases(draw: st.DrawFn) -> tuple[RoutingRequest, Snapshot, Signals]:
    """Generate a request, a file, and signals of its targets."""
    snapshot = file(draw(st.integers(0, 255)))
    given_headers = draw(headers)
    regions = [
        region
        for region in given_headers.get("X-Provider-Regions", "").split(",")
        if region in snapshot.known_names.regions
    ]
    given_headers.pop("X-Provider-Regions", None)
    if regions:
        given_headers["X-Provider-Regions"] = ",".join(regions)
    targets = [target.id for target in snapshot.targets("m")]
    policy = parse_policy(given_headers, snapshot)
    strategy = draw(st.sampled_from(tuple(STRATEGIES)))
    request = RoutingRequest(draw(facts), policy, strategy, draw(st.text(max_size=8)), default_region="us-east-1")
    known = draw(st.dictionaries(st.sampled_from(targets), rows))
    return request, snapshot, Signals(SignalTable(known), sticky_target=draw(st.none() | st.sampled_from(targets)))


def violations(step: PlannedTarget, request: RoutingRequest, signal: Signal) -> list[str]:
    """Return the hard constraints that a planned target violates, checked without the filters under test."""
    policy, target, facts = request.policy, step.target, request.facts
    name = target.provider.name
    config = policy.failover_config
    broken: dict[str, Any] = {
        "X-Provider": policy.provider and name not in policy.provider,
        "X-Include-Providers": policy.include_providers and name not in policy.include_providers,
        "X-Exclude-Providers": name in policy.exclude_providers,
        "X-Provider-Fallbacks": policy.provider_fallbacks and name not in policy.provider_fallbacks,
        "X-Failover-Config": config and name not in config.providers,
        "X-Provider-Regions": policy.provider_regions and target.region not in policy.provider_regions,
        "X-Data-Residency": policy.data_residency and target.residency != policy.data_residency,
        "key": target.provider.disabled_reason,
        "needs": facts.needs & target.unsupported,
        "endpoint": facts.endpoint == "embeddings" and name in ("anthropic",),
        "context": target.context_window and facts.prompt_tokens * signal.token_ratio > target.context_window,
        "X-Max-Cost-Per-Request": policy.max_cost_per_request and exceeds_ceiling(step, request, signal),
    }
    return [what for what, is_broken in broken.items() if is_broken]


def exceeds_ceiling(step: PlannedTarget, request: RoutingRequest, signal: Signal) -> bool:
    """Return whether the worst case of the clamped request is above the ceiling by more than rounding."""
    cut = request.facts if step.max_tokens is None else replace(request.facts, max_tokens=step.max_tokens)
    cost = cost_ceiling.worst_case_usd(step.target, cut, signal)
    ceiling = request.policy.max_cost_per_request
    return cost is None or ceiling is None or cost > ceiling * (1 + 1e-9)


@quickly
@given(cases())
def test_no_plan_violates_a_hard_filter(made: tuple[RoutingRequest, Snapshot, Signals]) -> None:
    request, snapshot, signals = made
    for step in decide(request, snapshot, signals).plan:
        assert violations(step, request, signals.table.get(step.target.id)) == []
        assert step.max_tokens is None or step.max_tokens >= cost_ceiling.MIN_OUTPUT_TOKENS


@quickly
@given(cases())
def test_every_target_is_in_the_plan_or_excluded_with_a_reason_and_never_twice(
    made: tuple[RoutingRequest, Snapshot, Signals],
) -> None:
    request, snapshot, signals = made
    decision = decide(request, snapshot, signals)
    planned = [step.target.id for step in decision.plan]
    excluded = [each.target for each in decision.excluded if each.target]
    assert sorted(planned + excluded) == sorted(target.id for target in snapshot.targets("m"))
    assert all(each.reason for each in decision.excluded)


@quickly
@given(cases())
def test_the_same_request_has_the_same_decision_and_it_is_json(made: tuple[RoutingRequest, Snapshot, Signals]) -> None:
    request, snapshot, signals = made
    one, two = decide(request, snapshot, signals), decide(request, snapshot, signals)
    assert one == two
    assert orjson.dumps(one.as_json()) == orjson.dumps(two.as_json())
    assert orjson.dumps(request.policy.as_json())


WARM = DecisionCache()


@quickly
@given(cases())
def test_a_decision_is_the_same_with_a_cache_that_other_requests_have_filled(
    made: tuple[RoutingRequest, Snapshot, Signals],
) -> None:
    request, snapshot, signals = made
    smaller = replace(request, seed="other", facts=replace(request.facts, prompt_tokens=1, max_tokens=1))
    decide(smaller, snapshot, signals, WARM)
    assert decide(request, snapshot, signals, WARM) == decide(request, snapshot, signals)


@quickly
@given(cases())
def test_available_targets_come_before_unavailable_ones(made: tuple[RoutingRequest, Snapshot, Signals]) -> None:
    request, snapshot, signals = made
    waiting = [
        signals.table.get(step.target.id).available_in_ms > 0 for step in decide(request, snapshot, signals).plan
    ]
    assert waiting == sorted(waiting)


def links(decision: Decision, chain: tuple[str, ...], signals: Signals) -> list[tuple[int, int]]:
    """Return the place of each target of the plan in a chain of providers, the best target of each provider first."""
    best: set[tuple[bool, str]] = set()
    found = []
    for step in decision.plan:
        name, waits = step.target.provider.name, signals.table.get(step.target.id).available_in_ms > 0
        found.append((int((waits, name) in best), chain.index(name)) if name in chain else (2, 0))
        best.add((waits, name))
    return found


def precedence(decision: Decision, request: RoutingRequest, signals: Signals) -> list[tuple[Any, ...]]:
    """Return what comes before the score, for each target of the plan."""
    found = []
    weighted = dict(decision.pick.group.weights) if decision.pick else {}
    chain = links(decision, provider_chain(request.policy), signals)
    preference = links(decision, request.policy.provider_preference, signals)
    for place, step in enumerate(decision.plan):
        name, signal = step.target.provider.name, signals.table.get(step.target.id)
        measured = signal.performance.ttft_ms if request.facts.stream else signal.performance.latency_ms
        limit = request.policy.max_latency_ms
        waits = signal.available_in_ms > 0
        led = decision.pick is not None and place == 0
        stays = step.target.id == signals.sticky_target and not waits
        slow = limit is not None and measured.p50 is not None and measured.p50 > limit
        balanced = (not led, bool(weighted) and not waits and name not in weighted)
        last = step.target.weight == 0
        found.append((waits, chain[place], step.target.priority, preference[place], not stays, *balanced, last, slow))
    return found


@quickly
@given(cases())
def test_among_equals_in_precedence_a_better_score_never_ranks_later(
    made: tuple[RoutingRequest, Snapshot, Signals],
) -> None:
    request, snapshot, signals = made
    decision = decide(request, snapshot, signals)
    above = precedence(decision, request, signals)
    ranked = list(zip(above, decision.plan, strict=True))
    for (one, first), (two, second) in pairwise(ranked):
        assert one != two or first.score <= second.score


@quickly
@given(cases())
def test_no_target_precedes_an_available_one_of_a_lower_priority_number_unless_a_chain_names_it(
    made: tuple[RoutingRequest, Snapshot, Signals],
) -> None:
    request, snapshot, signals = made
    if not provider_chain(request.policy):
        plan = decide(request, snapshot, signals).plan
        ranks = [(signals.table.get(step.target.id).available_in_ms > 0, step.target.priority) for step in plan]
        assert ranks == sorted(ranks)


@quickly
@given(cases())
def test_a_last_resort_is_first_of_its_priority_only_where_it_is_named_or_alone(
    made: tuple[RoutingRequest, Snapshot, Signals],
) -> None:
    request, snapshot, signals = made
    policy, plan = request.policy, decide(request, snapshot, signals).plan
    named = (
        *provider_chain(policy),
        *policy.provider_preference,
        *policy.load_balance_providers,
        *dict(policy.provider_weights),
    )
    if not plan or plan[0].target.weight or plan[0].target.id == signals.sticky_target:
        return
    alike = [step for step in plan if step.target.priority == plan[0].target.priority]
    waits = [signals.table.get(step.target.id).available_in_ms > 0 for step in alike]
    others = [
        step for step, waits_now in zip(alike, waits, strict=True) if waits_now == waits[0] and step.target.weight
    ]
    assert not others or plan[0].target.provider.name in named


@st.composite
def hundredths(draw: st.DrawFn) -> dict[str, int]:
    """Generate weights that sum to 100."""
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=3, max_size=3)))
    parts = [right - left for left, right in pairwise([0, *cuts, 100])]
    return dict(zip(NAMES, parts, strict=True))


def first_places(policy: Policy, seeds: list[str], count: int) -> list[str]:
    """Return the providers in first place of that many live decisions."""
    snapshot, state, found = load_snapshot(FOUR_PROVIDERS), BalancerState(), []
    for number in range(count):
        request = RoutingRequest(Facts("chat", "m"), policy, "automatic", seeds[number % len(seeds)])
        decision = decide(request, snapshot, Signals(pick_counts=state.picks))
        assert decision.pick is not None
        state.record(decision.pick)
        found.append(decision.plan[0].target.provider.name)
    return found


FOUR_PROVIDERS = """
providers:
  openai: {dialect: openai, base_url: http://x, regions: {us-east-1: {}, eu-west-1: {}}}
  anthropic: {dialect: openai, base_url: http://x}
  google: {dialect: openai, base_url: http://x}
  mistral: {dialect: openai, base_url: http://x}
models: {m: {openai: a, anthropic: b, google: c, mistral: d}}
"""
seeds = st.lists(st.text(max_size=5), min_size=1, max_size=5)


@given(hundredths(), seeds, st.integers(0, 100))
@settings(quickly, max_examples=20)
def test_any_hundred_decisions_in_a_row_have_exactly_the_weights(
    shares: dict[str, int], seeds: list[str], start: int
) -> None:
    policy = Policy(provider_weights=tuple(shares.items()))
    found = Counter(first_places(policy, seeds, start + 100)[start:])
    assert found == {name: share for name, share in shares.items() if share}


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), seeds, st.integers(0, 20))
@settings(quickly, max_examples=20)
def test_round_robin_picks_each_provider_once_a_round(names: list[str], seeds: list[str], start: int) -> None:
    policy = Policy(load_balance_providers=tuple(names))
    found = first_places(policy, seeds, start + 2 * len(names))[start:]
    assert sorted(found[: len(names)]) == sorted(names) and found[: len(names)] == found[len(names) :]
