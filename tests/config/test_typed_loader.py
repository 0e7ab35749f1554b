"""Values are loaded by type, and every error has a readable message with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from proxy.config.document import parse
from proxy.config.typed_loader import INVALID, Location, TypedLoader
from proxy.config.units import Seconds, Secret, Size
from tests.files import read_file


@dataclass(frozen=True)
class Key:
    name: str
    value: Secret


@dataclass(frozen=True)
class Options:
    """One field of each type."""

    flag: bool = True
    count: Annotated[int, Meta(ge=0, lt=100)] = 1
    share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    text: str = ""
    name: Annotated[str, Meta(pattern="^[a-z]+$")] = "x"
    wait: Seconds = Seconds(1)
    room: Size = Size(1)
    secret: Secret | None = None
    word: Literal["bearer", "api-key"] | None = None
    choice: Literal["auto", "off"] = "auto"
    items: tuple[str, ...] = ()
    listed: list[int] = field(default_factory=list)
    keys: tuple[Key, ...] = ()
    table: dict[str, int] = field(default_factory=dict)
    either: str | Key = ""
    several: str | tuple[str, ...] = ""
    none: None = None
    anything: Any = None

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("13 is not lucky")
        if self.count in (14, 15):
            raise RuntimeError(f"{self.text} is not lucky" if self.count == 14 else "")


ENVIRON = {"BYTES": "a\udcff", "PORT": "80", "EMPTY": "", "KEY": "sk-planted", "FLAG": "true"}
FILES = {"/run/key": "sk-file\n", "/run/crlf": "sk-crlf\r\n", "/run/spaced": " \tsk-spaced \n\n"}


def binary(path: str) -> str:
    return b"\xff".decode() if path == "/run/binary" else read_file(FILES, path)


def read(text: str) -> tuple[Any, list[str]]:
    document = parse(text)
    value = TypedLoader(document, ENVIRON, binary).load(Location(document.root, ""), Options)
    return value, [str(problem) for problem in sorted(document.problems)]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("flag: false", "flag", False),
        ("flag: ${FLAG}", "flag", True),
        ("count: 7", "count", 7),
        ("count: '7'", "count", 7),
        ("count: ${PORT}", "count", 80),
        ("count: ${UNSET:-9}", "count", 9),
        ("share: 1e-1", "share", 0.1),
        ("share: .5", "share", 0.5),
        ("text: no", "text", "no"),
        ("text: 012", "text", "012"),
        ("text: 'null'", "text", "null"),
        ("text: a-${PORT}-${UNSET:-b}-${EMPTY:-c}", "text", "a-80-b-c"),
        ("text: ${UNSET:-}", "text", ""),
        ("text: $PORT ${} ${1}", "text", "$PORT ${} ${1}"),
        ("text: '${UNSET:-http://x:1/}'", "text", "http://x:1/"),
        ("text: ${file:/run/key}", "text", "sk-file"),
        ("wait: 1.5s", "wait", 1.5),
        ("room: 4KiB", "room", 4096),
        ("secret: ${KEY}", "secret", Secret("sk-planted")),
        ("secret: ${file:/run/crlf}", "secret", Secret("sk-crlf")),
        ("secret: ${UNSET}", "secret", Secret("", missing="UNSET is not set")),
        ("secret: ${EMPTY}", "secret", Secret("", missing="EMPTY is not set")),
        ("secret: ${file:/no}", "secret", Secret("", missing="cannot read /no: No such file or directory")),
        ('secret: " ${KEY}\t"', "secret", Secret("sk-planted")),
        ("secret: '${file:/run/spaced}'", "secret", Secret("sk-spaced")),
        ("secret:", "secret", None),
        ("secret: ~", "secret", None),
        ("word: api-key", "word", "api-key"),
        ("word: null", "word", None),
        ("items: [a, b]", "items", ("a", "b")),
        ("listed: [1, 2]", "listed", [1, 2]),
        ("keys: [{name: a, value: b}]", "keys", (Key("a", Secret("b")),)),
        ("table: {a: 1}", "table", {"a": 1}),
        ("either: word", "either", "word"),
        ("either: {name: a, value: b}", "either", Key("a", Secret("b"))),
        ("several: a", "several", "a"),
        ("several: [a, b]", "several", ("a", "b")),
        ("none:", "none", None),
    ],
)
def test_a_value_is_loaded_by_its_type(text: str, name: str, value: object) -> None:
    options, problems = read(text)
    assert (problems, getattr(options, name)) == ([], value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flag: no", "1:7: flag: expected true or false, got 'no'"),
        ("flag: True", "1:7: flag: expected true or false, got 'True'"),
        ("flag:", "1:6: flag: expected true or false, got nothing"),
        ("count: many", "1:8: count: expected a whole number, got text"),
        ("count: 1.0", "1:8: count: expected a whole number, got '1.0'"),
        ("count: 0x10", "1:8: count: expected a whole number, got text"),
        ("count: [1]", "1:8: count: expected a whole number, got a list"),
        ("count: -1", "1:8: count: must be at least 0, got '-1'"),
        ("count: 100", "1:8: count: must be less than 100, got '100'"),
        ("count: 13", "1:1: 13 is not lucky"),
        ("{count: 14, text: '${KEY}'}", "1:1: [redacted] is not lucky"),
        ("count: 15", "1:1: RuntimeError"),
        ("share: 0", "1:8: share: must be more than 0, got '0'"),
        ("share: 2", "1:8: share: must be at most 1, got '2'"),
        ("share: .inf", "1:8: share: expected a number, got text"),
        ("share: 1e999", "1:8: share: expected a number, got text"),
        ("text: {a: b}", "1:7: text: expected text, got a mapping"),
        ("text: ${UNSET}", "1:7: text: variable UNSET is not set; set it, or write ${UNSET:-default}"),
        ("text: ${EMPTY}", "1:7: text: variable EMPTY is not set; set it, or write ${EMPTY:-default}"),
        ("text: ${file:/no}", "1:7: text: cannot read /no: No such file or directory"),
        ("text: ${file:/run/binary}", "1:7: text: expected text, got '${file:/run/binary}'"),
        ("text: ${BYTES}", "1:7: text: expected text, got bytes that are not UTF-8"),
        ("secret: ${BYTES}", "1:9: secret: expected text, ${VARIABLE} or ${file:/path}, got bytes that are not UTF-8"),
        ("name: Ab", "1:7: name: does not match ^[a-z]+$"),
        ("wait: 5", "1:7: wait: expected a duration such as 500ms, 15s, 5m or 1h, got '5'"),
        ("wait: 5 seconds", "1:7: wait: expected a duration such as 500ms, 15s, 5m or 1h, got '5 seconds'"),
        ("room: 32 megs", "1:7: room: expected a size such as 64KiB or 32MiB, got text"),
        (
            "secret: two words",
            "1:9: secret: the secret contains a space, a line break or a non-ASCII character",
        ),
        ("secret: [a]", "1:9: secret: expected text, ${VARIABLE} or ${file:/path}, got a list"),
        ("choice: ${file:/no}", "1:9: choice: cannot read /no: No such file or directory"),
        ("choice: on", "1:9: choice: expected auto or off, got 'on'"),
        ("choice: ${UNSET}", "1:9: choice: expected auto or off, got '${UNSET}'"),
        ("word: [a]", "1:7: word: expected a mapping, got a list"),
        ("items: a", "1:8: items: expected a list, got 'a'"),
        ("listed: [1, x]", "1:13: listed[1]: expected a whole number, got 'x'"),
        ("keys: [{name: a}]", "1:8: keys[0].value: is missing"),
        ("keys: [a]", "1:8: keys[0]: expected a mapping, got 'a'"),
        ("table: [a]", "1:8: table: expected a mapping, got a list"),
        ("table: {? [a] : 1}", "1:11: table: a key must be text"),
        ("either: [a]", "1:9: either: expected text or a mapping, got a list"),
        ("either: {nam: a, value: b}", "1:10: either.nam: unknown key; did you mean 'name'?"),
        ("several: {a: b}", "1:10: several: expected text or a list, got a mapping"),
        ("none: x", "1:7: none: expected nothing, got 'x'"),
        ("falg: true", "1:1: falg: unknown key; did you mean 'flag'?"),
        ("flag: true\nflag: false", "2:1: flag: duplicate key, already on line 1"),
    ],
)
def test_an_error_is_reported_with_its_place(text: str, message: str) -> None:
    assert message in read(text)[1]


FIELDS = ["flag", "count", "share", "name", "wait", "room", "choice", "keys", "items", "table", "none"]
CANARIES = ["sk-planted", "Planted1", "planted words", "planted", "https://user:planted@host/x", "planted/9+x="]


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in ("keys", "items", "table", "none")])
def test_the_value_of_a_variable_is_never_shown(name: str) -> None:
    for value in (f"{name}: ${{KEY}}", f"{name}: a-${{KEY}}", f"{name}: ${{UNSET:-sk-planted}}"):
        _, problems = read(value)
        assert len(problems) == 1 and "planted" not in problems[0]
    assert "${KEY}" in read(f"{name}: ${{KEY}}")[1][0] or name == "name"


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("name", FIELDS)
def test_a_value_that_may_be_a_key_is_never_shown(name: str, canary: str) -> None:
    _, problems = read(f"{name}: {canary}")
    assert len(problems) <= 1 or name == "table"
    assert problems or (name, canary) == ("name", "planted")
    assert "lanted" not in str(problems)


@pytest.mark.parametrize("text", ["{%s: 1}", "keys: [{name: a, value: b, %s}]", "either: {name: a, value: b, %s: 1}"])
@pytest.mark.parametrize("canary", ["sk-planted", "Planted1", "AKIAPLANTED"])
def test_an_api_key_in_place_of_a_name_is_never_shown(text: str, canary: str) -> None:
    _, problems = read(text % canary)
    assert problems and "unknown key" in str(problems)
    assert "lanted" not in str(problems).lower()


def test_a_file_name_that_may_be_a_key_is_never_shown() -> None:
    assert read("text: ${file:sk-planted}")[1] == ["1:7: text: cannot read the file: No such file or directory"]
    assert read("secret: ${file:sk-planted}")[0].secret.missing == "cannot read the file: No such file or directory"


@pytest.mark.parametrize("name", ["count", "share", "room", "wait"])
def test_a_huge_number_does_not_crash(name: str) -> None:
    value, problems = read(f"{name}: {'9' * 400}")
    assert problems or isinstance(getattr(value, name), float)


def test_a_missing_required_key_is_reported() -> None:
    value, problems = read("keys: [{value: b}, {name: [x], value: b}]")
    assert problems == ["1:8: keys[0].name: is missing", "1:27: keys[1].name: expected text, got a list"]
    assert value.keys == (INVALID, INVALID)


def test_a_mapping_is_required_for_a_struct() -> None:
    document = parse("a: b")
    loader = TypedLoader(document, {}, binary)
    assert loader.load(Location(document.root.value[0][1], "a"), Options) is INVALID
    assert list(map(str, document.problems)) == ["1:4: a: expected a mapping, got 'b'"]


def test_without_expansion_a_variable_is_text() -> None:
    document = parse("text: ${PORT} ${UNSET} ${file:/no}")
    value = TypedLoader(document, ENVIRON, binary, expands=False).load(Location(document.root, ""), Options)
    assert (value.text, document.problems) == ("${PORT} ${UNSET} ${file:/no}", [])
