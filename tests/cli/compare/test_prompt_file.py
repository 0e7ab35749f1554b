"""A file of prompts is loaded, or every error in it is reported with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.command import CommandError
from proxy.cli.compare.prompt_file import load_cases
from tests.cli.compare.samples import CITY, load

FILE = """
x-city: &city {type: object, properties: {city: {type: string}}, required: [city]}
models: [a, openai/b, a]
prompts:
  - name: capital
    prompt: The capital of ${HOME}?
    checks: [{contains: Paris}]
  - messages: [{role: user, content: "Weather?"}]
    tools:
      - {type: function, function: {name: get_weather, parameters: *city}}
      - {type: function, function: {name: ping}}
      - {type: custom, custom: {name: free}}
    checks: [{tool: get_weather, arguments: {properties: {city: {const: Paris}}}}]
  - {name: any, prompt: JSON, response_format: {type: json_object}}
  - {name: exact, prompt: JSON, response_format: {type: json_schema, json_schema: {name: n, schema: *city}}}
"""


def test_a_file_is_loaded(tmp_path: Path) -> None:
    loaded = load(tmp_path, FILE)
    capital, weather, any_json, exact = loaded.cases
    assert loaded.models == ("a", "openai/b")
    assert (capital.name, capital.request["messages"][0]["content"]) == ("capital", "The capital of ${HOME}?")
    assert (weather.name, weather.tools) == ("prompt 2", {"get_weather": CITY, "ping": True, "free": None})
    assert [each.answer_schema for each in loaded.cases] == [None, None, {"type": "object"}, CITY]
    assert any_json.tools == exact.tools == {}


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("- a", ["1:1: expected a mapping with keys such as prompts and models"]),
        ("models: [a]", ["1:1: prompts: is missing"]),
        ("prompts: []", ["1:10: prompts: must have at least one prompt"]),
        ("model: [a]\nprompts: [{prompt: x}]", ["1:1: model: unknown key; did you mean 'models'?"]),
        ("prompts:\n  - {prompt: x, tempurature: 0}",
         ["2:17: prompts[0].tempurature: unknown key; did you mean 'temperature'?"]),
        ("prompts:\n  - {name: a, prompt: x}\n  - {name: a, prompt: y}",
         ["3:12: prompts[1].name: another prompt is called 'a' too"]),
        ("prompts: [{messages: []}]", ["1:22: prompts[0].messages: must be a list of messages, each with a `role`"]),
        ("prompts: [{messages: [{content: x}]}]",
         ["1:22: prompts[0].messages: must be a list of messages, each with a `role`"]),
        ("prompts: [{prompt: x, stream: maybe}]", ["1:31: prompts[0].stream: must be true or false"]),
        ("prompts: [{prompt: x, extra_body: 1}]",
         ["1:35: prompts[0].extra_body: must be a mapping of members of the request"]),
        ("prompts: [{prompt: x, extra_body: {model: m, seed: 1}}]", [
            "1:43: prompts[0].extra_body.model: is not allowed here; what can be set is a key of the prompt",
            "1:52: prompts[0].extra_body.seed: is not allowed here; what can be set is a key of the prompt",
        ]),
        ("prompts: [{prompt: x, checks: [{regex: '('}]}]",
         ["1:40: prompts[0].checks[0].regex: not a regular expression: missing ), unterminated subpattern at position 0"]),
        ("prompts: [{prompt: x, checks: [{}, {schema: {type: objekt}}]}]", [
            "1:32: prompts[0].checks[0]: must have exactly one of contains, not_contains, equals, regex, schema, tool; has none",
            "1:52: prompts[0].checks[1].schema.type: must be one of object, array, string, number, integer, boolean, null, or a"
            " list of them",
        ]),
        ("prompts: [{prompt: x, checks: [{tool: get_wether}], tools: [{type: function, function: {name: get_weather}}]}]",
         ["1:39: prompts[0].checks[0].tool: the prompt has no tool 'get_wether'; did you mean 'get_weather'?"]),
        ("prompts: [{prompt: x, tools: [{type: function, function: {name: f, parameters: {items: 1}}}]}]",
         ["1:88: prompts[0].tools[0].function.parameters.items: must be a schema"]),
        ("prompts: [{prompt: x, response_format: {type: json_schema, json_schema: {schema: {minLenght: 1}}}}]", [
            "1:94: prompts[0].response_format.json_schema.schema.minLenght: a keyword that cannot be checked; did you mean"
            " 'minLength'?",
        ]),
    ],
)  # fmt: skip
def test_an_error_has_its_place(text: str, errors: list[str], tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        load(tmp_path, text)
    count = f"{len(errors)} problem{'s' * (len(errors) > 1)}"
    path = tmp_path / "p.yaml"
    assert str(caught.value).splitlines() == [f"{count} in {path}", *(f"{path}:{error}" for error in errors)]
    assert caught.value.exit_code == 2


def test_a_missing_file_is_invalid_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot read .*: no such file or directory") as caught:
        load_cases(str(tmp_path / "none.yaml"))
    assert caught.value.exit_code == 2
