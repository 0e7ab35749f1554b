"""Invalid, large and malicious YAML is refused with its place."""

from __future__ import annotations

import pytest

from proxy.config.document import MAX_FILE_BYTES, ConfigError, Problem, parse, suggestion

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1:1: the file is empty"),
        ("# only a comment\n", "1:1: the file is empty"),
        ("- a\n- b\n", "1:1: expected a mapping with keys such as providers and models"),
        ("\njust text\n", "2:1: expected a mapping with keys such as providers and models"),
        ("a:\n\t- b\n", "2:1: invalid YAML: found character that cannot start any token"),
        ("a: [1, 2\nb: 3\n", "2:2: invalid YAML: did not find expected ',' or ']'"),
        ("a: 'open\n", "2:1: invalid YAML: found unexpected end of stream"),
        ("a: *missing\n", "1:4: invalid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "2:1: invalid YAML: but found another document"),
        ("a: \0\n", "1:1: invalid YAML: unacceptable character #x0000: control characters are not allowed"),
        ("a: &a [*a]\n", "1:4: nested deeper than 24, with aliases expanded"),
        ("a: &a {b: *a}\n", "1:4: nested deeper than 24, with aliases expanded"),
        ("a: " + "[" * 25 + "]" * 25, "1:28: nested deeper than 24"),
        ("a: " + "[" * 200_000, "1:28: nested deeper than 24"),
        ("".join(" " * depth + "a:\n" for depth in range(40)), "26:26: nested deeper than 24"),
        (BOMB, "1:16: more than 200000 values, with aliases expanded"),
        ("a: " + "x" * MAX_FILE_BYTES, f"1:1: the file is larger than {MAX_FILE_BYTES} bytes"),
        ("# " + "é" * (MAX_FILE_BYTES // 2), f"1:1: the file is larger than {MAX_FILE_BYTES} bytes"),
    ],
)
def test_an_unusable_file_is_refused_with_line_and_column(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value) == f"routing.yaml:{line}"


def test_a_file_that_is_no_mapping_is_refused_with_examples_of_its_keys() -> None:
    with pytest.raises(ConfigError, match=r"^p\.yaml:1:1: expected a mapping with keys such as prompts$"):
        parse("text", "p.yaml", "prompts")


def test_errors_begin_with_the_file_name() -> None:
    with pytest.raises(ConfigError, match=r"^/etc/parrot\.yaml:1:1: the file is empty$"):
        parse("", "/etc/parrot.yaml")


@pytest.mark.parametrize("text", ["a: " + "[" * 24 + "]" * 24, "a: &a [1]\nb: *a\n", "a: !!python/name:os.system x\n"])
def test_a_file_within_the_limits_is_parsed_and_no_tag_is_executed(text: str) -> None:
    assert parse(text).problems == []


def test_problems_are_sorted_by_line_without_duplicates() -> None:
    late, early = Problem(9, 2, "b", "late"), Problem(2, 11, "a", "early")
    assert str(ConfigError("f", [late, early, late])) == "f:2:11: a: early\nf:9:2: b: late"


def test_a_problem_is_placed_at_the_nearest_known_parent() -> None:
    document = parse("\n\nproviders: {}\n")
    document.marks["providers"] = document.root.value[0][1].start_mark
    for path in ("providers.x.regions[2].y", "models"):
        document.add_error(path, "is wrong")
    with pytest.raises(ConfigError) as caught:
        document.raise_if_invalid()
    assert str(caught.value).splitlines() == [
        "routing.yaml:3:1: models: is wrong",
        "routing.yaml:3:12: providers.x.regions[2].y: is wrong",
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [("wieght", "; did you mean 'weight'?"), ("zzz", "; known: path, weight")],
)
def test_a_similar_name_is_suggested_else_all_are_listed(word: str, message: str) -> None:
    assert suggestion(word, ["weight", "path"]) == message
    assert suggestion(word, []) == ""
