"""Whatever a request or a provider contains, an event is one line, and the line shows what it contains."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from proxy.cli.logs import build_logger
from tests.test_control_chars import UNSAFE


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


class Rude:
    """A value whose text moves the cursor."""

    def __repr__(self) -> str:
        return "\x1b[2J\nrude"


def written(form: str, *, terminal: bool = False, error: Exception | None = None, **fields: Any) -> str:
    """Return what is logged for an event with these fields."""
    memory = io.BytesIO()
    stream = (Terminal if terminal else io.TextIOWrapper)(memory, encoding="utf-8", write_through=True)
    log: Any = build_logger(form, stream)
    log.error("request_completed", **fields, **({"exc_info": error} if error else {}))
    stream.detach()
    return memory.getvalue().decode()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("code", UNSAFE, ids=hex)
def test_an_unsafe_character_is_escaped_wherever_it_is(form: str, code: int) -> None:
    text = f"a{chr(code)}b"
    line = written(form, one=text, spaced=f"two {text}", several=[text], nested={text: text})
    assert line.endswith("\n") and line[:-1].isprintable()


@pytest.mark.parametrize("code", [code for code in UNSAFE if code != 0xDCFF], ids=hex)
def test_json_keeps_every_character(code: int) -> None:
    text = f"a{chr(code)}b"
    assert orjson.loads(written("json", what=text, several=[text]))["several"] == [text]


@pytest.mark.parametrize("value", ["a\udcff", ["a\udcff"], 2**70])
def test_a_value_that_json_cannot_hold_is_logged_as_text(value: Any) -> None:
    event = orjson.loads(written("json", what=value, status=400))
    assert (event["event"], event["status"], event["timestamp"][-1]) == ("request_completed", 400, "Z")
    assert event["what"] == str(value).replace("\udcff", "\\udcff")


def test_the_text_of_any_value_is_escaped() -> None:
    assert written("console", what=Rude())[:-1].isprintable()
    assert orjson.loads(written("json", what=Rude()))["what"] == "\x1b[2J\nrude"


def test_plain_text_is_shown_as_it_is() -> None:
    line = written("console", name="Zürich", path="/v1/models", spaced="two words", back="a\\b")
    assert "back=a\\b name=Zürich path=/v1/models spaced='two words'" in line


def test_colours_are_those_of_the_log_alone() -> None:
    plain = written("console", terminal=True, what="ab").count("\x1b[")
    assert written("console", terminal=True, what="a\x1b[31mb").count("\x1b[") == plain > 0


FORGED = "x\n2026-01-01T00:00:00Z [info     ] config_reloaded\x1b[2J\u202e"


def test_the_message_of_an_exception_cannot_pass_for_a_line_of_the_log() -> None:
    first, *rest, last = written("console", error=ValueError(FORGED)).split("\n")
    assert first.isprintable() and last == "" and len(rest) > 1
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
    assert "config_reloaded\\x1b[2J\\u202e" in rest[-1]


def test_a_traceback_that_is_a_field_follows_the_line() -> None:
    first, *rest = written("console", error_type="KeyError", traceback='  File "x.py"\n    call()\n').splitlines()
    assert "traceback" not in first and rest == ['    File "x.py"', "      call()"]


def test_a_traceback_in_json_is_one_line() -> None:
    line = written("json", error=ValueError(FORGED))
    assert line.count("\n") == 1 and line[:-1].isprintable() and FORGED in orjson.loads(line)["exception"]
