"""A request body becomes facts, or is rejected with the name of the wrong member."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.errors import InvalidRequestError
from proxy.routing.facts import Facts, limit_members, parse_facts, parse_json_object

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (b"", "invalid_json", "the body is not JSON"),
        (b"{", "invalid_json", "the body is not JSON"),
        (b"\xff", "invalid_json", "the body is not JSON"),
        (b'{"a":NaN}', "invalid_json", "the body is not JSON"),
        (b"[]", "invalid_type", "the body must be a JSON object"),
        (b"null", "invalid_type", "the body must be a JSON object"),
        (b'"x"', "invalid_type", "the body must be a JSON object"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_rejected(raw: bytes, code: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_json_object(raw)
    assert (caught.value.status, caught.value.code, caught.value.message.split(": ")[0]) == (400, code, message)


@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}"), ('[1,"]",{"b":[', "]}]")])
def test_a_body_is_nested_at_most_254_levels(pair: tuple[str, str]) -> None:
    levels = pair[1].count("]") + pair[1].count("}")

    def body(depth: int) -> bytes:
        count, rest = divmod(depth - 1, levels)
        return f'{{"x":{"[" * rest}{pair[0] * count}{"1" if "{" in pair[0] else ""}{pair[1] * count}{"]" * rest}}}'.encode()

    assert parse_json_object(body(254))
    for depth in (255, 300, 1000, 2000, 100_000):
        with pytest.raises(InvalidRequestError) as caught:
            parse_json_object(body(depth))
        assert (caught.value.status, caught.value.code) == (400, "invalid_json")


def test_many_values_next_to_each_other_are_not_nested() -> None:
    assert parse_json_object(b'{"x":[' + b"[]," * 1000 + b'"[[[{{{"]}')


def test_the_last_of_duplicate_members_counts() -> None:
    assert parse_json_object(b'{"model":"a","model":"b"}') == {"model": "b"}


HI = 4 + len("hi") // 4
"""Estimated tokens of MESSAGES."""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {}),
        ({"stream": True}, {"stream": True}),
        ({"stream": None, "stream_options": None}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True, "include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {}),
        ({"anything": 1}, {}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"max_tokens": 7, "max_completion_tokens": None}, {"max_tokens": 7}),
        ({"n": 3}, {"n": 3}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            {"reasoning_tokens": 1024, "asks_for_reasoning": True},
        ),
        ({"reasoning": {"max_tokens": 512}}, {"reasoning_tokens": 512, "asks_for_reasoning": True}),
        ({"reasoning": {"effort": "high"}, "thinking": "on"}, {"asks_for_reasoning": True}),
        ({"reasoning": {"max_tokens": "many"}}, {"asks_for_reasoning": True}),
        ({"tools": []}, {}),
        ({"tools": [{"type": "function"}]}, {"needs": {"tools"}, "prompt_tokens": HI + 5, "is_plain_text": False}),
        ({"functions": [{}]}, {"needs": {"tools"}, "is_plain_text": False}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": None}, {}),
        ({"response_format": {"type": "json_object"}}, {"is_plain_text": False}),
        ({"response_format": {"type": "json_schema"}}, {"needs": {"json_schema"}, "is_plain_text": False}),
    ],
)
def test_the_facts_of_a_body(body: dict[str, Any], expected: dict[str, Any]) -> None:
    usual = {"endpoint": "chat", "model": "m", "prompt_tokens": HI}
    assert parse_facts("chat", {"model": "m", "messages": MESSAGES, **body}) == Facts(**{**usual, **expected})


@pytest.mark.parametrize(
    ("content", "tokens", "needs"),
    [
        ("x" * 400, 104, set()),
        (None, 4, set()),
        ([{"type": "text", "text": "x" * 400}], 104, set()),
        ([{"type": "text", "text": 1}, "y"], 4, set()),
        ([{"type": "image_url", "image_url": {"url": "data:" + "x" * 9000}}], 769, {"images"}),
    ],
)
def test_prompt_tokens_are_estimated_from_text_and_images(content: Any, tokens: int, needs: set[str]) -> None:
    found = parse_facts("chat", {"model": "m", "messages": [{"role": "user", "content": content}]})
    assert (found.prompt_tokens, found.needs) == (tokens, needs)


@pytest.mark.parametrize(
    ("endpoint", "body", "expected"),
    [
        ("completions", {"prompt": "x" * 40, "max_tokens": 5, "max_completion_tokens": 9}, Facts(prompt_tokens=10, max_tokens=5)),
        ("embeddings", {"input": ["x" * 36], "max_tokens": 5}, Facts(prompt_tokens=10, longest_input_tokens=9)),
        ("embeddings", {"input": "x" * 36, "stream": True}, Facts(prompt_tokens=9, longest_input_tokens=9)),
        ("embeddings", {"input": ["x" * 8, "x" * 16]}, Facts(prompt_tokens=7, longest_input_tokens=4)),
        ("embeddings", {"input": [1, 2, 3]}, Facts(prompt_tokens=1, longest_input_tokens=3)),
        ("embeddings", {"input": [[1, 2], [3]]}, Facts(prompt_tokens=2, longest_input_tokens=2)),
        ("embeddings", {"input": {"odd": 1}}, Facts(prompt_tokens=2, longest_input_tokens=0)),
        ("images", {"prompt": "x" * 40, "n": 2}, Facts(prompt_tokens=10, n=2)),
        ("responses", {"input": "x" * 40, "max_output_tokens": 5}, Facts(prompt_tokens=10, max_tokens=5)),
        ("generate_content", {"contents": "x" * 40}, Facts(prompt_tokens=10)),
        ("embed_content", {"content": "x" * 40}, Facts(prompt_tokens=10)),
        ("batch_embed_contents", {"requests": "x" * 40}, Facts(prompt_tokens=10)),
        ("responses", {}, Facts()),
        ("responses", {"messages": ["no message"]}, Facts()),
    ],
)  # fmt: skip
def test_each_endpoint_reads_its_own_members(endpoint: str, body: dict[str, Any], expected: Facts) -> None:
    assert parse_facts(endpoint, {"model": "m", **body}) == replace(expected, endpoint=endpoint, model="m")


@pytest.mark.parametrize(
    ("endpoint", "body", "expected"),
    [
        ("messages", {"max_tokens": 5}, {"max_tokens": 9}),
        ("chat", {}, {"max_completion_tokens": 9}),
        ("generate_content", {}, {"generationConfig": {"maxOutputTokens": 9}}),
        (
            "generate_content",
            {"generationConfig": {"topP": 1}},
            {"generationConfig": {"topP": 1, "maxOutputTokens": 9}},
        ),
        (
            "generate_content",
            {"generation_config": {"max_output_tokens": 50}},
            {"generation_config": {"max_output_tokens": 9}},
        ),
        ("generate_content", {"generationConfig": None}, {"generationConfig": {"maxOutputTokens": 9}}),
    ],
)
def test_the_output_tokens_are_limited_by_the_member_that_the_body_uses(
    endpoint: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert limit_members(endpoint, body, 9) == expected


def test_an_overlong_model_name_is_cut_to_one_character_over_the_limit() -> None:
    longest = "m" * 256
    assert parse_facts("chat", {"model": longest, "messages": MESSAGES}).model == longest
    assert parse_facts("chat", {"model": "m" * 1_000_000, "messages": MESSAGES}).model == "m" * 257


def test_a_moderation_has_a_default_model() -> None:
    assert parse_facts("moderations", {"input": "x"}).model == "omni-moderation-latest"


@pytest.mark.parametrize(
    ("body", "param", "code", "message"),
    [
        ({"model": None}, "model", "missing_required_parameter", "'model' is missing or empty"),
        ({"model": ""}, "model", "missing_required_parameter", "'model' is missing or empty"),
        ({"model": 4}, "model", "invalid_type", "'model' must be a string, got a number"),
        ({"model": ["m"]}, "model", "invalid_type", "'model' must be a string, got an array"),
        ({"messages": None}, "messages", "missing_required_parameter", "'messages' is missing or empty"),
        ({"messages": []}, "messages", "missing_required_parameter", "'messages' is missing or empty"),
        ({"messages": "hi"}, "messages", "invalid_type", "'messages' must be an array of messages, got a string"),
        ({"messages": {}}, "messages", "invalid_type", "'messages' must be an array of messages, got an object"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type", "'messages[0]' must be an object, got a string"),
        ({"messages": [*MESSAGES, {}]}, "messages[1].role", "invalid_type", "'messages[1].role' must be a string"),
        ({"messages": [{"role": 1}]}, "messages[0].role", "invalid_type", "'messages[0].role' must be a string,"
         " got a number"),
        ({"stream": "yes"}, "stream", "invalid_type", "'stream' must be a boolean, got a string"),
        ({"stream": 1}, "stream", "invalid_type", "'stream' must be a boolean, got a number"),
        ({"stream_options": True}, "stream_options", "invalid_type", "'stream_options' must be an object,"
         " got a boolean"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value", "'max_tokens' must be a whole number above 0"),
        ({"max_tokens": True}, "max_tokens", "invalid_type", "'max_tokens' must be a whole number, got a boolean"),
        ({"n": 1.5}, "n", "invalid_type", "'n' must be a whole number, got a number"),
    ],
)  # fmt: skip
def test_a_wrong_member_is_named(body: dict[str, Any], param: str, code: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_facts("chat", {"model": "m", "messages": MESSAGES, **body})
    assert (caught.value.param, caught.value.code, caught.value.message) == (param, code, message)


@pytest.mark.parametrize(
    ("prompt", "n", "choices"),
    [("a", None, 1), (["a", "b"], None, 2), (["a", "b"], 3, 6), ([1, 2, 3], 2, 2), ([[1], [2]], None, 2)],
)
def test_choices_are_counted_for_each_prompt_of_a_completion(prompt: Any, n: int | None, choices: int) -> None:
    assert parse_facts("completions", {"model": "m", "prompt": prompt, "n": n}).n == choices


@pytest.mark.parametrize(
    ("n", "best_of", "billed"), [(None, None, 2), (None, 5, 10), (2, 5, 10), (5, 5, 10), (2, None, 4)]
)
def test_what_best_of_discards_is_billed(n: int | None, best_of: int | None, billed: int) -> None:
    facts = parse_facts("completions", {"model": "m", "prompt": ["a", "b"], "n": n, "best_of": best_of})
    assert (facts.n, facts.billed_choices) == (2 * (n or 1), billed)


@pytest.mark.parametrize(
    ("members", "asks"),
    [
        ({}, False),
        ({"reasoning_effort": "low"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": None}, False),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"enabled": False}}, False),
        ({"reasoning": {}}, False),
        ({"thinking": {"type": "adaptive"}}, True),
        ({"thinking": {"type": "disabled"}}, False),
    ],
)
def test_a_request_asks_for_reasoning_unless_it_turns_it_off(members: dict[str, Any], asks: bool) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}
    assert parse_facts("chat", body).asks_for_reasoning is asks
