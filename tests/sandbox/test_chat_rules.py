"""What the rules of several simulated providers look at."""

from __future__ import annotations

import pytest

from proxy.sandbox.chat_rules import Rule, check_rules, has_open_calls, has_other_members, parts_of, tool_names
from proxy.sandbox.contract import SimulatedError
from tests.sandbox.vendor_requests import HELLO, IMAGE, calls, result, tool


def test_the_first_broken_rule_is_the_error() -> None:
    rules = [Rule(lambda body: False, "a", None, "never"), Rule(lambda body: True, "b", "code", "always", 422)]
    with pytest.raises(SimulatedError, match="always") as caught:
        check_rules({}, rules)
    assert (caught.value.status, caught.value.param, caught.value.code) == (422, "b", "code")


@pytest.mark.parametrize("messages, is_open", [
    ([HELLO], False), ([calls(), result()], False), ([calls()], True), ([calls(), HELLO], True),
])  # fmt: skip
def test_calls_are_open_until_their_results_follow(messages: list[object], is_open: bool) -> None:
    assert has_open_calls({"messages": messages}) is is_open


def test_names_are_those_of_tools_and_of_calls() -> None:
    assert list(tool_names({"messages": [calls(name="g")], "tools": [tool("f")]})) == ["f", "g"]


def test_parts_are_those_of_the_given_roles() -> None:
    body = {"messages": [{"role": "user", "content": [IMAGE]}, result([{"type": "text"}]), HELLO]}
    assert list(parts_of(body)) == [IMAGE, {"type": "text"}] and list(parts_of(body, "user")) == [IMAGE]


def test_members_are_known_by_name() -> None:
    assert has_other_members({"a": 1, "x": 2}, "a b") and not has_other_members({"a": 1}, "a b")
