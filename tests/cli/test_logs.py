"""The log is JSON or console columns, one line per event."""

from __future__ import annotations

import io

import orjson
import pytest

from proxy.cli.logs import build_logger


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def log_line(form, kind, **fields):
    memory = io.BytesIO()
    stream = kind(memory, encoding="utf-8", write_through=True)
    build_logger(form, stream).info("request_completed", **fields)
    stream.flush()
    text = memory.getvalue().decode()
    stream.detach()
    return text


@pytest.mark.parametrize("form, kind", [("json", Terminal), ("json", io.TextIOWrapper), ("auto", io.TextIOWrapper)])
def test_json_is_one_object_per_line_and_keeps_none(form, kind):
    line = log_line(form, kind, status=200, key=None)
    assert line.count("\n") == 1
    event = orjson.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "request_completed", "level": "info", "status": 200, "key": None}


def test_json_accepts_any_value():
    assert orjson.loads(log_line("json", io.TextIOWrapper, what={1}))["what"] == "{1}"


@pytest.mark.parametrize("form, kind", [("console", Terminal), ("console", io.TextIOWrapper), ("auto", Terminal)])
def test_the_console_leaves_out_none(form, kind):
    line = log_line(form, kind, status=200, empty=None)
    assert "request_completed" in line and "status" in line and "empty" not in line
    assert ("\x1b[" in line) == (kind is Terminal)


def test_json_works_on_a_text_only_stream():
    stream = io.StringIO()
    build_logger("json", stream).info("x")
    assert orjson.loads(stream.getvalue())["event"] == "x"


def test_debug_is_not_written_and_a_traceback_stays_in_its_line():
    stream = io.TextIOWrapper(memory := io.BytesIO())
    log = build_logger("json", stream)
    log.debug("hidden")
    try:
        raise KeyError("x")
    except KeyError:
        log.exception("crashed")
    [line] = memory.getvalue().splitlines()
    assert "KeyError" in orjson.loads(line)["exception"]
    stream.detach()


class Full(io.RawIOBase):
    """A full disk."""

    def writable(self):
        return True

    def write(self, data):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("kind", [io.BytesIO, Full, None])
def test_a_line_that_cannot_be_written_is_dropped_without_an_error(form, kind):
    stream = io.TextIOWrapper(kind(), write_through=True) if kind else io.StringIO()
    log = build_logger(form, stream)
    if kind is not Full:
        stream.close()
    log.info("request_completed")
    log.error("crashed")


def test_a_traceback_on_a_console_shows_no_local_variables():
    memory = io.BytesIO()
    stream = Terminal(memory, encoding="utf-8", write_through=True)
    try:
        prompt = "-".join(["canary", "of", "the", "prompt"])
        raise ValueError(len(prompt))
    except ValueError:
        build_logger("console", stream).exception("request_unhandled_error")
    text = memory.getvalue().decode()
    stream.detach()
    assert "ValueError" in text and "raise ValueError(len(prompt))" in text and "canary-of" not in text
