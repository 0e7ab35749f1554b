"""A star stands for any text, and can be used in the upstream model's name."""

from __future__ import annotations

import pytest

from proxy.config.patterns import expand, is_expansion, star_texts, template_error


@pytest.mark.parametrize(
    ("pattern", "name", "texts"),
    [
        ("gpt-*", "gpt-4o", ("4o",)),
        ("gpt-*", "gpt-", ("",)),
        ("gpt-*", "my-gpt-4o", None),
        ("*-chat", "llama-chat-chat", ("llama-chat",)),
        ("a*b*c", "axbybzc", ("x", "ybz")),
        ("a*b*c", "acb", None),
        ("*", "x", ("x",)),
        ("**", "xy", ("", "xy")),
        ("plain", "plain", ()),
        ("gpt-4.1*", "gpt-401", None),
    ],
)
def test_a_pattern_matches_the_whole_name(pattern: str, name: str, texts: tuple[str, ...] | None) -> None:
    assert star_texts(pattern, name) == texts


def test_matching_a_long_name_takes_linear_time() -> None:
    assert star_texts("*a*a*a*a*a*a*a*a*b", "a" * 256) is None


@pytest.mark.parametrize(
    ("pattern", "name", "template", "upstream"),
    [
        ("eu-*", "eu-gpt-4o", "*", "eu-gpt-4o"),
        ("eu-*", "eu-gpt-4o", "$1", "gpt-4o"),
        ("eu-*", "eu-gpt-4o", "ft-*", "ft-gpt-4o"),
        ("eu-*", "eu-gpt-4o", "ft:$1:x", "ft:gpt-4o:x"),
        ("eu-*", "eu-x", "*/*", "x/x"),
        ("eu-*", "eu-x", "plain", "plain"),
        ("*-at-*", "m-at-eu", "*", "m-at-eu"),
        ("*-at-*", "m-at-eu", "$2/$1", "eu/m"),
        ("*-at-*", "m-at-eu", "x-*-*", "x-m-eu"),
    ],
)
def test_a_star_is_the_whole_name_alone_and_else_what_the_patterns_star_stood_for(
    pattern: str, name: str, template: str, upstream: str
) -> None:
    texts = star_texts(pattern, name)
    assert texts is not None and template_error(template, pattern) is None
    assert expand(template, name, texts) == upstream
    assert is_expansion(template, pattern, upstream) is (template != "plain")


@pytest.mark.parametrize(
    ("template", "pattern", "message"),
    [
        ("x-*", "plain", "'plain' is no pattern"),
        ("$1", "plain", "'plain' is no pattern"),
        ("$2", "eu-*", "'eu-*' has 1 `*`"),
        ("*-*-*", "*-at-*", "'*-at-*' has 2 `*`"),
    ],
)
def test_a_placeholder_needs_a_star_that_it_stands_for(template: str, pattern: str, message: str) -> None:
    assert message in (template_error(template, pattern) or "")


@pytest.mark.parametrize(
    ("template", "pattern", "upstream", "is_one"),
    [
        ("*", "gpt-*", "gpt-4o", True),
        ("*", "gpt-*", "llama", False),
        ("ft-*", "eu-*", "ft-x", True),
        ("ft-*", "eu-*", "xx-x", False),
        ("*/*", "eu-*", "a/a", True),
        ("*/*", "eu-*", "a/b", False),
        ("plain", "eu-*", "plain", False),
    ],
)
def test_an_upstream_name_is_recognised_as_an_expansion(
    template: str, pattern: str, upstream: str, is_one: bool
) -> None:
    assert is_expansion(template, pattern, upstream) is is_one
