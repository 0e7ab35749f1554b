"""A target's `params` add, replace and remove members of the request; all others stay as the caller wrote them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.attempts.target_params import apply_params, params_warnings
from proxy.config.schema import TargetParams

BODY = {"model": "m", "temperature": 1, "user": "u"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (TargetParams(), BODY),
        (TargetParams(default={"temperature": 0, "seed": 7}), {**BODY, "seed": 7}),
        (TargetParams(set={"temperature": 0, "seed": 7}), {**BODY, "temperature": 0, "seed": 7}),
        (TargetParams(drop=("user", "absent")), {"model": "m", "temperature": 1}),
        (TargetParams(drop=("user",), set={"user": "one"}), {**BODY, "user": "one"}),
        (TargetParams(drop=("user",), default={"user": "one"}), {"model": "m", "temperature": 1}),
        (TargetParams(set={"store": False, "stop": ["a"], "x": {"y": None}}),
         {**BODY, "store": False, "stop": ["a"], "x": {"y": None}}),
    ],
)  # fmt: skip
def test_members_are_added_replaced_and_removed(params: TargetParams, expected: dict[str, Any]) -> None:
    raw = orjson.dumps(BODY)
    body, sent = apply_params(BODY, raw, params)
    assert body == expected == orjson.loads(sent)
    assert orjson.dumps(BODY) == raw


def test_other_members_stay_byte_for_byte() -> None:
    _, sent = apply_params({"model": "m"}, b'{"model": "m", "x": [1.50,  "\\u0041"]}', TargetParams(set={"seed": 1}))
    assert b'[1.50,  "\\u0041"]' in sent


def test_without_params_the_request_is_the_same_object() -> None:
    raw = b"{}"
    assert apply_params(BODY, raw, TargetParams()) == (BODY, raw) and apply_params(BODY, raw, TargetParams())[1] is raw


def test_a_dropped_member_of_the_request_is_a_warning() -> None:
    params = TargetParams(drop=("user", "absent"), set={"seed": 1})
    assert params_warnings(BODY, params) == ("param-dropped;name=user",)
    assert params_warnings(BODY, TargetParams()) == ()
