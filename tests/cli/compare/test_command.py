"""`parrot compare` from the command line, with simulated providers."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from proxy.cli import main
from tests.running import TWO_PROVIDERS

PROMPTS = """
models: [first/m-one, second/m-two]
prompts:
  - {name: greeting, prompt: Hello, checks: [{contains: Hello}, {contains: first}]}
"""
FILE = "p.yaml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("routing.yaml").write_text(TWO_PROVIDERS)
    Path(FILE).write_text(PROMPTS)


def compare(*argv: str) -> int:
    return main(["compare", FILE, *argv])


def test_a_failed_check_is_exit_code_1_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("--sandbox") == 1
    output = capsys.readouterr()
    assert "✓ first/m-one " in output.out and "✗ second/m-two" in output.out
    assert "✗ contains first: not in the answer" in output.out
    assert (output.out.splitlines()[-1], output.err) == ("1 of 2 answers passed", "")


def test_models_of_the_command_line_replace_those_of_the_file_and_all_passed_is_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert compare("--sandbox", "--models", "first/m-one, first/m-one,", "--runs", "3") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 3 answers passed"


@pytest.mark.parametrize(
    ("name", "options", "beginning"),
    [
        ("r.html", [], "<!doctype html>"),
        ("r.md", [], "**1 of 2 answers passed**"),
        ("r.json", [], '{\n  "passed": 1,'),
        ("r.txt", [], "── greeting ──"),
        ("r.txt", ["--format", "json"], '{\n  "passed": 1,'),
    ],
)
def test_the_report_is_written_in_the_format_of_its_name(
    name: str, options: list[str], beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare("--sandbox", "-o", name, *options) == 1
    assert Path(name).read_text(encoding="utf-8").startswith(beginning)
    assert capsys.readouterr().out == f"{name} is written: 1 of 2 answers passed\n"


def test_json_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("--sandbox", "--format", "json") == 1
    runs = orjson.loads(capsys.readouterr().out)["runs"]
    assert [(run["model"], run["provider"], run["passed"]) for run in runs] == [
        ("first/m-one", "first", True), ("second/m-two", "second", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["--sandbox", "--url", "http://x"], 2, "name one sidecar: --url or --sandbox"),
        (["--sandbox", "--runs", "1000", "--models", ",".join(map(str, range(11)))], 2,
         "11000 requests are more than 10000: use fewer --runs or models"),
        (["--sandbox", "-o", "no/such/folder"], 1, "cannot write no/such/folder: no such file or directory"),
        (["--sandbox", "-c", "none.yaml"], 2, "cannot read none.yaml: no such file or directory"),
    ],
)  # fmt: skip
def test_an_error_is_one_line(argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*argv) == code
    assert capsys.readouterr().err == f"parrot: {message}\n"


def test_without_models_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    Path(FILE).write_text("prompts: [{prompt: Hi}]")
    assert compare("--sandbox") == 2
    assert capsys.readouterr().err == f"parrot: no models given: use --models, or `models` in {FILE}\n"


@pytest.mark.parametrize("argv", [["--runs", "0"], ["--runs", "x"], ["--concurrency", "1001"], ["--models", ", ,"]])
def test_an_invalid_option_is_invalid_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        compare(*argv)
    assert caught.value.code == 2 and "expected a" in capsys.readouterr().err


def test_the_help_shows_a_file_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        compare("--help")
    example = capsys.readouterr().out.partition("example of a file:\n")[2].partition("\nchecks:")[0]
    Path(FILE).write_text(example)
    assert compare("--sandbox", "--models", "m") == 1
    assert "regex ^\\w+$: no match" in capsys.readouterr().out
