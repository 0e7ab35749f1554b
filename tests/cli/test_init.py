"""`parrot init` writes a file that `parrot check` accepts, and replaces none."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli import main
from proxy.cli.discovery import Found, find_vendors
from proxy.cli.vendors import VENDORS

KEY = "sk-planted-canary"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with no keys."""
    for name in (*(name for vendor in VENDORS for name in vendor.variables), "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY",
                 "AZURE_API_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_written_file_is_valid_and_has_no_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert main(["init"]) == 0
    assert capsys.readouterr().out == (
        "routing.yaml is written: openai (OPENAI_API_KEY)\nNext: parrot check, then parrot serve\n"
    )
    assert main(["check"]) == 0
    assert capsys.readouterr().out.startswith("routing.yaml is valid: 1 provider, ")
    assert KEY not in (folder / "routing.yaml").read_text()


def test_without_keys_it_is_valid_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine.yaml"]) == 0
    assert capsys.readouterr().out == (
        "mine.yaml is written: no API key is set, so its only provider is Ollama on this machine, "
        "and all others are comments\n"
        "Next: set a key and run parrot init mine.yaml --force, or start Ollama and run parrot serve mine.yaml.\n"
        "Without either: parrot serve mine.yaml --sandbox, with simulated providers\n"
    )
    assert main(["check", "mine.yaml"]) == 0


def test_a_file_is_replaced_only_by_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "routing.yaml").write_text("mine")
    assert main(["init"]) == 1
    message = "parrot: routing.yaml exists: --force replaces it, `parrot init -` prints a new one\n"
    assert capsys.readouterr().err == message
    assert (folder / "routing.yaml").read_text() == "mine"
    assert main(["init", "--force"]) == 0
    assert (folder / "routing.yaml").read_text() != "mine"


def test_it_is_printed_instead(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "-"]) == 0
    assert "\nproviders:\n" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "no/routing.yaml"]) == 1
    assert capsys.readouterr().err == "parrot: cannot write no/routing.yaml: no such file or directory\n"


@pytest.mark.parametrize(("options", "asked"), [([], False), (["--local"], True)])
def test_this_machine_is_asked_only_on_request(
    options: list[str], asked: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def find_local() -> list[Found]:
        return [Found("ollama", "compatible", "http://localhost:11434/v1", models=("qwen3:8b",))]

    monkeypatch.setattr("proxy.cli.init.find_local", find_local)
    assert main(["init", "-", *options]) == 0
    assert ('"qwen3:8b": {ollama: "qwen3:8b"}' in capsys.readouterr().out) is asked


def test_keys_in_the_environment_are_those_of_the_guide() -> None:
    names = [
        "OPENAI",
        "ANTHROPIC",
        "GEMINI",
        "GOOGLE",
        "MISTRAL",
        "COHERE",
        "CO",
        "GROQ",
        "TOGETHER",
        "OPENROUTER",
        "DEEPSEEK",
        "XAI",
    ]
    assert [name for name in names if not find_vendors({f"{name}_API_KEY": "k"})] == []
