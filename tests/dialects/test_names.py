"""Sanitised names are valid, unique and reversible, whatever the names."""

from __future__ import annotations

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from proxy.dialects.names import NameRule, UniqueNames, original_names, sanitize_names

RULES = [
    NameRule(),
    NameRule(limit=9),
    NameRule("A-Za-z0-9_", first="A-Za-z_"),
    NameRule("A-Za-z0-9_.:-", first="A-Za-z_"),
]


@given(names=st.lists(st.text(alphabet="ab._/1é", max_size=12)), rule=st.sampled_from(RULES))
def test_names_are_valid_unique_and_reversible(names: list[str], rule: NameRule) -> None:
    sanitized = sanitize_names(names, rule)
    assert set(sanitized) == set(names)
    assert all(map(rule.is_valid, sanitized.values()))
    assert len(set(sanitized.values())) == len(sanitized)
    back = original_names(sanitized)
    assert all(back.get(value, value) == name for name, value in sanitized.items())


@pytest.mark.parametrize("names, expected", [
    (["good-1"], "good-1"), (["a.b"], "a_b"), ([""], "_"), (["x" * 70], "x" * 64), (["a.b", "a_b"], "a_b_292c1d51"),
])  # fmt: skip
def test_valid_names_are_unchanged_and_others_get_the_closest_free_one(names: list[str], expected: str) -> None:
    assert sanitize_names(names, NameRule())[names[0]] == expected


@given(names=st.lists(st.text(alphabet="ab._/1é", max_size=12), max_size=30), rule=st.sampled_from(RULES))
def test_a_name_assigned_repeatedly_becomes_different_ones(names: list[str], rule: NameRule) -> None:
    unique = UniqueNames(rule)
    given = [unique.assign(name) for name in names * 3]
    assert len(set(given)) == len(given) and all(map(rule.is_valid, given))


def test_assigned_names_are_stable_while_the_beginning_of_a_conversation_is() -> None:
    first, second = UniqueNames(NameRule()), UniqueNames(NameRule())
    start = [first.assign("a.b") for _ in range(5)]
    assert [second.assign("a.b") for _ in range(9)][:5] == start
    assert start[0] == "a_b" and all(re.fullmatch("a_b_[0-9a-f]{8}", name) for name in start[1:])
