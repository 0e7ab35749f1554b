"""The input of a custom tool comes out of its arguments as they arrive, however they are cut."""

from __future__ import annotations

import pytest

from proxy.dialects.hub.custom_tools import custom_arguments, custom_input
from proxy.dialects.hub.streamed_input import StreamedInput

TEXTS = ["", "a", 'SELECT "x"\\n\n\t ä', "\U0001f600 ü", '{"input": "no"}', "x" * 100]


def streamed(pieces: list[str]) -> str:
    taken = StreamedInput()
    return "".join(map(taken.feed, pieces)) + taken.end()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("space", ["", " ", "\n  "])
def test_every_cut_gives_the_same_text(text: str, space: str) -> None:
    arguments = custom_arguments(text).replace(":", f"{space}:{space}", 1).replace("{", "{" + space, 1) + space
    for cut in range(len(arguments) + 1):
        assert streamed([arguments[:cut], arguments[cut:]]) == text
    assert streamed(list(arguments)) == text


def test_escaped_characters_are_joined_over_cuts() -> None:
    arguments = r'{"input":"\ud83d\ude00\u00e9\/\n"}'
    for cut in range(len(arguments) + 1):
        assert streamed([arguments[:cut], arguments[cut:]]) == "\U0001f600é/\n"


def test_the_text_is_returned_as_it_arrives() -> None:
    taken = StreamedInput()
    assert [taken.feed(piece) for piece in ('{"inp', 'ut": "a', "b\\", 'n"', "} ")] == ["", "a", "b", "\n", ""]
    assert taken.end() == ""


@pytest.mark.parametrize(
    "arguments", ["", "{", "[]", '{"input":5}', '{"other":"x"}', "plain", "x" * 100, '{"a":"' + "y" * 99]
)
def test_arguments_that_a_model_has_made_up_are_the_input(arguments: str) -> None:
    assert streamed(list(arguments)) == custom_input(arguments) == arguments


def test_an_escape_that_is_none_ends_the_translation_but_loses_nothing() -> None:
    assert streamed(['{"input":"a\\uZZ', 'ZZb"}']) == 'a\\uZZZZb"}'
