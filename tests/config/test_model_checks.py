"""A model with an error in one of its targets keeps the others, and every error has its place."""

from __future__ import annotations

import pytest

from tests.files import config_errors

FILE = """
providers:
  a: {dialect: openai, base_url: http://x}
  b: {dialect: openai, base_url: http://y}
models:
  m:
    a: {model: x-*}
    b: {model: y, params: PARAMS}
    c: z
"""


@pytest.mark.parametrize(
    ("params", "member"),
    [
        ("{default: {model: x}}", "model"),
        ("{set: {messages: []}}", "messages"),
        ("{drop: [routing]}", "routing"),
        ("{drop: [seed], set: {stream: true}}", "stream"),
    ],
)
def test_all_errors_of_a_model_are_reported(params: str, member: str) -> None:
    assert config_errors(FILE.replace("PARAMS", params)) == [
        "routing.yaml:7:16: models.m.a.model: `*` and `$1` in it stand for a `*` of the model's name, but 'm' is no pattern",
        f"routing.yaml:8:27: models.m.b.params: '{member}' cannot be changed",
        "routing.yaml:9:8: models.m.c: no provider 'c'; known: a, b",
    ]
