"""What is no usable YAML is refused with its place, and cannot hurt."""

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
        ("a:\n\t- b\n", "2:1: not YAML: found character that cannot start any token"),
        ("a: [1, 2\nb: 3\n", "2:2: not YAML: did not find expected ',' or ']'"),
        ("a: 'open\n", "2:1: not YAML: found unexpected end of stream"),
        ("a: *nobody\n", "1:4: not YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "2:1: not YAML: but found another document"),
        ("a: \0\n", "1:1: not YAML: unacceptable character #x0000: control characters are not allowed"),
        ("a: &a [*a]\n", "1:4: nested deeper than 24, aliases followed"),
        ("a: &a {b: *a}\n", "1:4: nested deeper than 24, aliases followed"),
        ("a: " + "[" * 25 + "]" * 25, "1:28: nested deeper than 24"),
        ("a: " + "[" * 200_000, "1:28: nested deeper than 24"),
        ("".join(" " * depth + "a:\n" for depth in range(40)), "26:26: nested deeper than 24"),
        (BOMB, "1:16: more than 200000 values, aliases followed"),
        ("a: " + "x" * MAX_FILE_BYTES, f"1:1: the file is over {MAX_FILE_BYTES} bytes"),
        ("# " + "é" * (MAX_FILE_BYTES // 2), f"1:1: the file is over {MAX_FILE_BYTES} bytes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value) == f"routing.yaml:{line}"


def test_the_files_own_name_stands_first() -> None:
    with pytest.raises(ConfigError, match=r"^/etc/parrot\.yaml:1:1: the file is empty$"):
        parse("", "/etc/parrot.yaml")


@pytest.mark.parametrize("text", ["a: " + "[" * 24 + "]" * 24, "a: &a [1]\nb: *a\n", "a: !!python/name:os.system x\n"])
def test_what_is_within_the_limits_is_composed_and_nothing_in_it_is_run(text: str) -> None:
    assert parse(text).problems == []


def test_problems_come_once_each_in_the_files_order() -> None:
    late, early = Problem(9, 2, "b", "late"), Problem(2, 11, "a", "early")
    assert str(ConfigError("f", [late, early, late])) == "f:2:11: a: early\nf:9:2: b: late"


def test_a_complaint_stands_at_the_nearest_thing_the_file_has() -> None:
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
    ("word", "said"),
    [("wieght", "; did you mean 'weight'?"), ("zzz", "; known: path, weight")],
)
def test_a_near_name_is_suggested_else_all_are_listed(word: str, said: str) -> None:
    assert suggestion(word, ["weight", "path"]) == said
    assert suggestion(word, []) == ""
