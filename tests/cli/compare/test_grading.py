"""Answers are graded by the checks of the file, and by the schemas of the request."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.grading import grade
from proxy.cli.compare.json_schema import bounded_regex
from proxy.cli.compare.prompts import Check
from tests.cli.compare.samples import CITY, WEATHER, case, said

PARIS = {"properties": {"city": {"const": "Paris"}}}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": CITY}}


def failures(of: Any, answer: Answer) -> list[str | None]:
    return [finding.failure for finding in grade(of, answer)]


@pytest.mark.parametrize(
    ("check", "answer", "failure"),
    [
        (Check(contains="Paris"), said("In Paris."), None),
        (Check(contains="Paris"), said("In paris."), "not in the answer"),
        (Check(not_contains="London"), said("Paris"), None),
        (Check(not_contains="London"), said("London"), "in the answer"),
        (Check(equals="Paris"), said(" Paris\n"), None),
        (Check(equals="Paris"), said("Paris."), "the answer is another"),
        (Check(regex=r"^\w+$"), said("Paris"), None),
        (Check(regex=r"^\w+$"), said("In Paris"), "no match"),
        (Check(schema=CITY), said('{"city": "Paris"}'), None),
        (Check(schema=CITY), said('{"city": 1}'), "city: expected string, got number"),
        (Check(schema=CITY), said("Paris"), "not JSON"),
        (Check(schema=CITY), said('```json\n{"city": "Paris"}\n```'), "not JSON, but a code block"),
        (Check(schema={"$ref": "#"}), said("1"), "too large or too deeply nested to validate"),
        (Check(tool="get_weather"), said("", ("get_weather", "{}")), None),
        (Check(tool="get_weather"), said("", ("look_up", "{}")), "called look_up"),
        (Check(tool="get_weather"), said("Paris"), "called no tool"),
        (Check(tool="f", arguments=PARIS), said("", ("f", '{"city": "Rome"}'), ("f", '{"city": "Paris"}')), None),
        (Check(tool="f", arguments=PARIS), said("", ("f", '{"city": "Rome"}')),
         'arguments: city: expected "Paris", got "Rome"'),
    ],
)  # fmt: skip
def test_a_check_of_the_file(check: Check, answer: Answer, failure: str | None) -> None:
    assert failures(case(check), answer) == [failure]


def test_a_regular_expression_that_takes_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_regex, "TIMEOUT_S", 0.01)
    slow = said("a" * 200 + "!")
    assert failures(case(Check(regex="^(a+)+$")), slow) == ["the expression takes too long"]
    as_json = said('"' + "a" * 200 + '!"')
    assert failures(case(Check(schema={"pattern": "^(a+)+$"})), as_json) == ["a pattern of the schema takes too long"]


@pytest.mark.parametrize(
    ("members", "answer", "failure"),
    [
        ({"response_format": BY_SCHEMA}, said('{"city": "Paris"}'), None),
        ({"response_format": BY_SCHEMA}, said("{}"), "'city' is missing"),
        ({"response_format": BY_SCHEMA}, said('{"ci', finish="length"), "not JSON"),
        ({"response_format": BY_SCHEMA}, said('{"city": ""}', finish="length"), "the answer was cut at the limit of tokens"),
        ({"response_format": {"type": "json_object"}}, said("[]"), "expected object, got array"),
        ({"response_format": {"type": "json_object"}}, said('{"a": 1}'), None),
        ({"tools": [WEATHER]}, said("Hello"), None),
        ({"tools": [WEATHER]}, said("", ("get_weather", '{"city": "Paris"}')), None),
        ({"tools": [WEATHER]}, said("", ("get_weather", "")), "get_weather: 'city' is missing"),
        ({"tools": [WEATHER]}, said("", ("get_weather", '{"city"')), "get_weather: not JSON"),
        ({"tools": [WEATHER]}, said("", ("delete", "{}")), "called 'delete', which is no tool of the request"),
        ({"tools": [{"type": "custom", "custom": {"name": "sql"}}]}, said("", ("sql", "SELECT 1")), None),
        ({"tools": [WEATHER], "tool_choice": "required"}, said("Hello"),
         "no tool was called, which `tool_choice` demands"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}}, said("Hello"),
         "called no tool"),
    ],
)  # fmt: skip
def test_what_the_request_demands_is_validated_without_a_check(
    members: Any, answer: Answer, failure: str | None
) -> None:
    assert failures(case(**members), answer) == [failure]
    assert [finding.is_demanded for finding in grade(case(**members), answer)] == [True]


def test_a_tool_call_instead_of_a_structured_answer_is_valid() -> None:
    of = case(tools=[WEATHER], response_format=BY_SCHEMA)
    (finding,) = grade(of, said("", ("get_weather", '{"city": "Paris"}')))
    assert (finding.title, finding.failure) == ("tool calls", None)


def test_an_error_is_not_graded() -> None:
    assert grade(case(Check(contains="a")), Answer(error="down")) == ()


def test_titles_are_short() -> None:
    titles = [
        finding.title for finding in grade(case(Check(contains="x" * 100), Check(schema=CITY), Check(tool="f")), said())
    ]
    assert titles == [f"contains {'x' * 51}…", "schema", "tool f"]
