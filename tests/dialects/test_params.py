from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.params import Number, Params, dropped
from proxy.errors import InvalidRequest

PARAMS = Params(
    numbers={"temperature": Number("temp", 0, 1), "seed": Number("seed", 0, 9, loses_below=True)},
    kept={"stop": "stops"},
    translated=frozenset({"prediction"}),
)


@pytest.mark.parametrize("body, told, lost, clamped", [
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
def test_parameters_are_told_lost_or_clamped(body: Any, told: Any, lost: Any, clamped: Any) -> None:
    assert PARAMS.told(body) == told
    assert PARAMS.unsupported(body) == lost
    assert PARAMS.clamped(body) == clamped


@pytest.mark.parametrize("body, param", [
    ({"temperature": "x"}, "temperature"), ({"temperature": True}, "temperature"), ({"audio": {}}, "audio"),
    ({"modalities": ["audio"]}, "modalities"),
])  # fmt: skip
def test_what_must_not_be_lost_is_an_error(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PARAMS.told(body)
    assert caught.value.param == param


def test_a_name_that_may_not_stand_in_a_header_is_not_repeated() -> None:
    assert dropped(["seed", "a\r\nb"]) == ("param-dropped;name=seed", "param-dropped;name=unknown")
