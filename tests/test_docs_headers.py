"""Runs every example of docs/reference/headers.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docs.plots import automatic
from proxy.config.snapshot import Snapshot
from proxy.routing.decision import Decision, decide
from proxy.routing.facts import Facts
from proxy.routing.policy import DIALECT_HEADERS, HEADERS, parse_policy
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance, Signal, Signals, SignalTable
from tests.files import load_snapshot
from tests.running import HELLO, run_sidecar

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "reference" / "headers.md").read_text()
PIPELINE = "pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]\n"


def blocks(language: str) -> list[str]:
    """The lines of all blocks of a language."""
    found = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return [line for block in found for line in block.splitlines()]


FILE = "\n".join(blocks("yaml"))


@dataclass(frozen=True)
class Example:
    """One line: the given state, the headers of the request, and the expected plan or response."""

    given: tuple[str, ...]
    headers: dict[str, str]
    expected: str


def example(line: str) -> Example:
    """The example in a line `[given, given] Header: value | Header: value -> expected`."""
    matched = re.fullmatch(r"(?:\[(?P<given>[^]]*)\] )?(?P<headers>X-.*) -> (?P<expected>.+)", line)
    assert matched, line
    headers = dict(header.split(": ", 1) for header in matched["headers"].split(" | "))
    return Example(
        tuple((matched["given"] or "").split(", ")) if matched["given"] else (), headers, matched["expected"]
    )


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return load_snapshot(FILE)


def signal_fields(given: str, snapshot: Snapshot) -> tuple[list[str], dict[str, Any]]:
    """The ids of the targets that a given state is about, and the fields of their signals."""
    name, _, what = given.partition(" ")
    ids = [target.id for target in snapshot.targets("gpt-4o") if target.id.startswith(name)]
    assert ids, given
    if what == "down":
        return ids, {"available_in_ms": 5000}
    if what.endswith(" in flight"):
        return ids, {"in_flight": int(what.split(" ")[0])}
    spread = Percentiles(float(what.removesuffix(" ms")), None, 20)
    return ids, {"performance": Performance(300, spread, spread, spread)}


def signals(given: tuple[str, ...], snapshot: Snapshot) -> Signals:
    rows: dict[str, dict[str, Any]] = {}
    sticky = None
    for each in given:
        if each.startswith("session at "):
            at = each.removeprefix("session at ")
            sticky = next(target.id for target in snapshot.targets("gpt-4o") if target.id.startswith(at))
            continue
        ids, fields = signal_fields(each, snapshot)
        for id in ids:
            rows.setdefault(id, {}).update(fields)
    in_flight = {id: fields.pop("in_flight", 0) for id, fields in rows.items()}
    known = SignalTable({id: Signal(**fields) for id, fields in rows.items()})
    return Signals(known, sticky_target=sticky, in_flight=lambda target: in_flight.get(target, 0))


def decide_example(documented: Example, snapshot: Snapshot, seed: str) -> Decision:
    facts = Facts("chat", "gpt-4o", prompt_tokens=16)
    question = RoutingRequest(
        facts, parse_policy(documented.headers, snapshot), "automatic", seed, default_region="us-east-1"
    )
    return decide(question, snapshot, signals(documented.given, snapshot))


def agrees(expected: str, decision: Decision) -> bool:
    """Whether a plan is the one that an example documents."""
    if expected == "none":
        return not decision.plan
    names, _, limit = expected.partition(" clamped to ")
    if limit and decision.plan[-1].max_tokens != int(limit):
        return False
    plan = [f"{step.target.provider.name}@{step.target.region}" for step in decision.plan]
    if names.endswith(" in any order"):
        wanted = sorted(names.removesuffix(" in any order").split())
        return len(plan) == len(wanted) and all(map(str.startswith, sorted(plan), wanted))
    head, more, tail = names.partition("…")
    first, last = head.split(), tail.split()
    enough = len(plan) > len(first) + len(last) if more else len(plan) == len(first)
    ends = plan[len(plan) - len(last) :]
    return enough and all(map(str.startswith, plan, first)) and all(map(str.startswith, ends, last))


@pytest.mark.parametrize("line", blocks("decisions"))
def test_a_decision_is_made_as_documented(line: str, snapshot: Snapshot) -> None:
    documented = example(line)
    for seed in ("one", "two", "three", "four"):
        decision = decide_example(documented, snapshot, seed)
        assert agrees(documented.expected, decision), (line, [step.target.id for step in decision.plan])


@pytest.mark.parametrize("line", blocks("requests"))
async def test_a_request_is_answered_as_documented(line: str) -> None:
    documented = example(line)
    status, *expected = documented.expected.split(", ")
    async with run_sidecar(PIPELINE + FILE) as started, aiohttp.ClientSession() as http:
        for each in documented.given:
            assert each.endswith(" down")
            await started.sandbox.stop(each.removesuffix(" down"))
        url, body = f"{started.url}/v1/chat/completions", {"model": "gpt-4o", "messages": HELLO}
        async with http.post(url, json=body, headers=documented.headers) as answer:
            assert answer.status == int(status), await answer.text()
            for header in expected:
                name, value = header.split(": ", 1)
                assert answer.headers[name].startswith(value.removesuffix("…")), (line, answer.headers[name])
            if answer.status == 400:
                assert (
                    next(iter(documented.headers)) in await answer.text()
                    or "no provider may serve" in await answer.text()
                )


async def test_a_session_stays_as_documented() -> None:
    async with run_sidecar(PIPELINE + FILE) as started, aiohttp.ClientSession() as http:
        served = set()
        for number in range(8):
            headers = {"X-Session-Id": "user-42", "X-Request-Id": f"req-{number}"}
            body = {"model": "gpt-4o", "messages": HELLO}
            async with http.post(f"{started.url}/v1/chat/completions", json=body, headers=headers) as answer:
                served.add((answer.headers["X-Provider"], answer.headers["X-Provider-Region"]))
        assert len(served) == 1


@pytest.mark.parametrize("header", [*HEADERS, *DIALECT_HEADERS, "X-Request-Id"])
def test_every_header_has_a_row_and_an_example(header: str) -> None:
    assert f"| `{header}` |" in TEXT
    lines = [*blocks("decisions"), *blocks("requests")]
    assert any(header in example(line).headers for line in lines)


def test_no_example_names_a_header_that_does_not_exist() -> None:
    known = {*HEADERS, *DIALECT_HEADERS, "X-Request-Id"}
    for line in (*blocks("decisions"), *blocks("requests")):
        assert example(line).headers.keys() <= known


def test_the_failover_config_shown_is_one(snapshot: Snapshot) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    config = parse_policy({"X-Failover-Config": text}, snapshot).failover_config
    assert config is not None and config.providers == ("openai", "anthropic", "google")


def test_the_plot_is_what_its_script_draws_and_the_formula_holds() -> None:
    cases = automatic.run_cases()
    assert (DOCS / "plots" / "automatic.svg").read_text() == automatic.draw(cases)
    assert max(abs(bar.measured - bar.formula) for case in cases for bar in case.bars) < 0.03
