"""A merge patch changes what it names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.spelling import camel_case
from proxy.dialects.hub.merge_patch import merge, merge_members


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch, str) == result


def test_a_member_is_found_in_its_other_spelling() -> None:
    target = {"generationConfig": {"topK": 1, "seed": 2}, "safety_settings": []}
    patch = {"generation_config": {"top_k": 3, "top_p": 0.5}, "safetySettings": [1]}
    result = {"generationConfig": {"topK": 3, "seed": 2, "top_p": 0.5}, "safety_settings": [1]}
    assert merge(target, patch, camel_case) == result


def test_members_that_are_not_named_stay_byte_for_byte() -> None:
    raw = rb'{"n": 1.50e0, "a": {"b": 123456789012345678901234567890}, "c": "\u00e9" , "d": {"x": [ 1 ]}}'
    merged = merge_members(raw, {"c": None, "d": {"y": 2}, "e": True}, str)
    assert merged == (rb'{"n":1.50e0,"a":{"b": 123456789012345678901234567890},"d":{"x":[1],"y":2},"e":true}')
