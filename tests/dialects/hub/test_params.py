from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.params import (
    ESSENTIAL_PARAMS,
    NumericParam,
    ParamTable,
    check_essential,
    drop_warnings,
    essential_params,
)
from proxy.errors import InvalidRequestError

PARAMS = ParamTable(
    numbers={"temperature": NumericParam("temp", 0, 1), "seed": NumericParam("seed", 0, 9, drop_below=True)},
    copied={"stop": "stops"},
    translated=frozenset({"prediction"}),
)


@pytest.mark.parametrize("body, sent, dropped, clamped", [
    ({"temperature": 0.5, "stop": "x"}, {"temp": 0.5, "stops": "x"}, (), ()),
    ({"temperature": 2}, {"temp": 1}, (), ("param-clamped;name=temperature;value=1",)),
    ({"temperature": -1}, {"temp": 0}, (), ("param-clamped;name=temperature;value=0",)),
    ({"seed": -1}, {}, ("seed",), ()),
    ({"seed": 10}, {"seed": 9}, (), ("param-clamped;name=seed;value=9",)),
    ({"temperature": None, "stop": None}, {}, (), ()),
    ({"max_tokens": 5}, {"max_tokens": 5}, (), ()),
    ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}, (), ()),
    ({"user": "u", "metadata": {}, "routing": {}, "prediction": {}, "n": 1, "modalities": ["text"]}, {}, (), ()),
    ({"verbosity": "low", "n": 2, "x": None}, {}, ("verbosity", "n"), ()),
])  # fmt: skip
def test_parameters_are_sent_dropped_or_clamped(body: Any, sent: Any, dropped: Any, clamped: Any) -> None:
    assert PARAMS.to_provider(body) == sent
    assert PARAMS.unsupported(body) == dropped
    assert PARAMS.clamp_warnings(body) == clamped


@pytest.mark.parametrize("body, param", [
    ({"temperature": "x"}, "temperature"), ({"temperature": True}, "temperature"),
])  # fmt: skip
def test_a_non_number_is_rejected(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        PARAMS.to_provider(body)
    assert caught.value.param == param


CUSTOM = {"type": "custom", "custom": {"name": "c"}}
HOSTED = {"type": "web_search"}
FUNCTION = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize("name, with_effect, without_effect", [
    ("response_format", [{"type": "json_object"}, {"type": "json_schema"}, "json"], [{"type": "text"}, {"type": "text", "x": 1}]),
    ("n", [2], [1]),
    ("modalities", [["text", "audio"], ["image"]], [["text"], []]),
    ("audio", [{}, {"voice": "x"}], []),
    ("web_search_options", [{}], []),
    ("logprobs", [True], [False]),
    ("top_logprobs", [2], [0]),
    ("tools", [[FUNCTION, HOSTED], [HOSTED]], [[], [FUNCTION, CUSTOM], [5], "x"]),
    ("tool_choice", ["required", FUNCTION, CUSTOM], ["auto", "none"]),
    *((name, [{"type": "object"}], []) for name in (
        "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar")),
])  # fmt: skip
def test_parameters_that_change_the_kind_of_answer_are_essential(
    name: str, with_effect: list[Any], without_effect: list[Any]
) -> None:
    for value in with_effect:
        assert essential_params({"model": "m", "stream": True, name: value}) == {name: value, "stream": True}
    for value in (*without_effect, None):
        assert essential_params({"model": "m", "stream": True, name: value}) == {}


def test_the_older_members_for_tools_count_as_tools() -> None:
    older = {"functions": [{"name": "f"}], "function_call": {"name": "f"}}
    forced = {"type": "function", "function": {"name": "f"}}
    assert essential_params(older) == {"tool_choice": forced, "tools": [{"type": "function"}], "stream": None}
    assert essential_params({**older, "function_call": "auto"}) == {}


def test_dropping_an_essential_parameter_is_an_error() -> None:
    for name in ESSENTIAL_PARAMS:
        with pytest.raises(InvalidRequestError) as caught:
            check_essential(["seed", name])
        assert (caught.value.param, caught.value.status) == (name, 400)
    check_essential(["seed", "verbosity"])


@pytest.mark.parametrize("body, names", [
    ({"tools": [FUNCTION], "tool_choice": "required"}, ()),
    ({"tools": [CUSTOM], "tool_choice": CUSTOM}, ()),
    ({"functions": [{"name": "f"}], "function_call": "auto"}, ()),
    ({"tools": [HOSTED], "tool_choice": HOSTED}, ("tools", "tool_choice")),
    ({"response_format": {"type": "json_object"}, "n": 2}, ("response_format", "n")),
])  # fmt: skip
def test_hosted_tools_and_untranslated_parameters_are_unsupported(body: Any, names: tuple[str, ...]) -> None:
    assert PARAMS.unsupported(body) == names


def test_a_name_invalid_in_a_header_is_reported_as_unknown() -> None:
    assert drop_warnings(["seed", "a\r\nb", "é"]) == ("param-dropped;name=seed", "param-dropped;name=unknown")


def test_at_most_twenty_dropped_parameters_are_named() -> None:
    warnings = drop_warnings(f"x{number}" for number in range(100_000))
    assert warnings[0] == "param-dropped;name=x0" and len(warnings) == 21
    assert warnings[-1] == "param-dropped;others=99980"
