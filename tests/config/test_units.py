"""Values with units are parsed, and a secret is never shown."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.units import AutoOrCount, Ratio, Seconds, Secret, Size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("500ms", 0.5),
        ("15s", 15.0),
        ("2.5s", 2.5),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("0s", 0.0),
        ("5 s", 5.0),
    ],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5sec", "-5s", "5d", "s", "1e3s", "5S", ".5s", "5s5s", "five"])
def test_a_duration_without_a_known_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Seconds.parse(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("65536", 65536), ("64KiB", 65536), ("32MiB", 33554432), ("1.5kB", 1500), ("1GB", 10**9), ("1 GiB", 2**30),
     ("7B", 7), ("0", 0), ("2KB", 2000), ("3MB", 3_000_000)],
)  # fmt: skip
def test_a_size_is_bytes(text: str, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1kib", "1 TB", "MiB", "1e6", "32 megabytes"])
def test_a_size_without_a_known_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Size.parse(text)


@pytest.mark.parametrize(("text", "count"), [("auto", 0), ("1", 1), ("65536", 65536)])
def test_a_count_is_a_number_or_auto(text: str, count: int) -> None:
    assert AutoOrCount.parse(text) == count


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "off", "Auto", "1k"])
def test_anything_else_is_no_count(text: str) -> None:
    with pytest.raises(ValueError):
        AutoOrCount.parse(text)


@pytest.mark.parametrize("text", ["", "two words", "line\nbreak", "tab\t", "clé", "\x7f", " sk-1"])
def test_a_secret_that_is_invalid_in_a_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Secret.parse(text)


@pytest.mark.parametrize("form", [str, repr, "{}".format, "%s".__mod__, "{!r}".format])
def test_a_secret_is_never_shown(form: object) -> None:
    assert callable(form)
    assert form(Secret.parse("sk-planted")) == "Secret(***)"
    assert form([Secret.parse("sk-planted")]) == "[Secret(***)]"
    assert form(Secret("", missing="OPENAI_API_KEY is not set")) == "Secret(missing='OPENAI_API_KEY is not set')"


def test_secrets_are_compared_by_value() -> None:
    assert Secret.parse("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("", missing="A"), Secret("", missing="B")}) == 3


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Seconds, "15s"), (Seconds, "2.5s"), (Seconds, "0s"), (Size, "32MiB"), (Size, "64KiB"), (Size, "1GiB"), (Size, "0"),
     (Size, "1000"), (Ratio, "50%"), (Ratio, "2.5%"), (AutoOrCount, "auto"), (AutoOrCount, "7")],
)  # fmt: skip
def test_a_value_is_written_as_the_file_has_it(kind: Any, text: str) -> None:
    assert kind.parse(text).written == text
