"""What a target has refused is remembered for ten minutes, within bounds, until it has another account."""

from __future__ import annotations

import pytest

from proxy.resilience.refusal_memory import HELD_S, MAX_MEMBERS, NOTHING_REFUSED, RefusalMemory, RefusedMember

TEMPERATURE, SEED = RefusedMember("temperature"), RefusedMember("seed")


def test_a_refusal_is_held_for_a_time_from_its_latest() -> None:
    members = RefusalMemory[RefusedMember]()
    assert members.at(0.0) is NOTHING_REFUSED
    members.record("a", TEMPERATURE, 0.0)
    members.record("a", SEED, 100.0)
    members.record("a", TEMPERATURE, 200.0)
    assert members.at(HELD_S + 99) == {"a": {TEMPERATURE, SEED}}
    assert members.at(HELD_S + 100) == {"a": {TEMPERATURE}}
    assert members.at(HELD_S + 200) == {}


def test_targets_with_another_account_are_forgotten() -> None:
    members = RefusalMemory[RefusedMember]()
    members.record("a", SEED, 0.0)
    members.record("b", SEED, 0.0)
    members.forget(lambda target: target == "a")
    assert members.at(1.0) == {"b": {SEED}}
    members.record("b", TEMPERATURE, 1.0)
    assert members.at(1.0) == {"b": {SEED, TEMPERATURE}}


def test_the_number_of_members_and_targets_is_bounded() -> None:
    members = RefusalMemory[RefusedMember]()
    members.pin(frozenset({"a"}))
    for number in range(MAX_MEMBERS + 1):
        members.record("a", RefusedMember(f"m{number}"), 0.0)
    for number in range(1100):
        members.record(f"x/{number}", SEED, 0.0)
    found = members.at(1.0)
    assert len(found["a"]) == MAX_MEMBERS and RefusedMember("m0") not in found["a"]
    assert len(found) == 1001


@pytest.mark.parametrize(
    ("member", "body", "is_in"),
    [
        (SEED, {"seed": 1}, True),
        (SEED, {}, False),
        (RefusedMember("seed", is_added=True), {"seed": 1}, False),
        (RefusedMember("seed", is_added=True), {}, True),
    ],
)
def test_a_member_that_the_sidecar_adds_is_in_requests_without_it(
    member: RefusedMember, body: dict[str, object], is_in: bool
) -> None:
    assert member.is_in(body) is is_in
