"""What the docs show works as shown."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from proxy.cli import main
from proxy.pipeline import REGISTRY
from proxy.routing.policy import HEADERS
from tests.running import HELLO, SHIPPED_CONFIG, TWO_PROVIDERS, run_sidecar

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("**/*.md"))]
ASK = {"model": "m", "messages": HELLO}


def block(file: str, language: str) -> str:
    return (DOCS / file).read_text().split(f"```{language}\n", 1)[1].split("```", 1)[0]


async def test_ones_own_middleware_works_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teams.py").write_text(block("middleware.md", "python"))
    monkeypatch.syspath_prepend(tmp_path)
    text = block("middleware.md", "yaml") + TWO_PROVIDERS[TWO_PROVIDERS.index("providers:") :]
    async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
        async with http.post(f"{started.url}/v1/chat/completions", json=ASK, headers={"X-Team": "search"}) as answer:
            assert (answer.status, answer.headers["X-Team"]) == (200, "search")
        async with http.post(f"{started.url}/v1/chat/completions", json=ASK) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["message"] == "X-Team: one of search, support"


@pytest.mark.parametrize(
    ("file", "words"), [("headers.md", HEADERS), ("routing.md", REGISTRY), ("headers.md", ["X-Request-Id"])]
)
def test_everything_there_is_is_named_in_the_docs(file: str, words: list[str]) -> None:
    text = (DOCS / file).read_text()
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def unclosed_fences(text: str) -> list[int]:
    """The lines of code fences that are not closed before the next one opens, or before the page ends."""
    unclosed, opened = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r" {0,3}(```+|~~~+)(.*)", line)
        if fence is None:
            continue
        if opened and not fence[2].strip():
            opened = 0
        else:
            unclosed += [opened] if opened else []
            opened = number
    return unclosed + ([opened] if opened else [])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_code_block_is_closed(path: Path) -> None:
    assert unclosed_fences(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("```sh\nls\n```\n", []),
        ("a\n```sh\nls\n", [2]),
        ("```yaml\na: 1\n\n## Heading\n```sh\nls\n```\n", [1]),
        ("```\nls\n```\n```json\n{}\n```", []),
    ],
)
def test_a_code_block_that_is_not_closed_is_found(text: str, lines: list[int]) -> None:
    assert unclosed_fences(text) == lines


def readme_commands() -> Iterator[list[str]]:
    """Each shell command of the README as its words."""
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)


def options(words: list[str], *names: str) -> list[str]:
    """The values that follow any of these options."""
    return [value for option, value in pairwise(words) if option in names]


async def test_every_command_of_the_readme_works_after_make_run(capsys: pytest.CaptureFixture[str]) -> None:
    """`make run` installs the dependencies alone: the command `parrot` is not there, and need not be."""
    seen = set()
    async with run_sidecar(SHIPPED_CONFIG) as started, aiohttp.ClientSession() as http:
        for words in readme_commands():
            words = [word.replace("http://127.0.0.1:8090", started.url) for word in words]
            seen.add(words[0])
            if words[0] == "make":
                assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            elif words[0] == "curl":
                url = next(word for word in words if word.startswith(started.url))
                headers = dict(header.split(": ", 1) for header in options(words, "-H"))
                async with http.post(url, data=options(words, "-d")[0], headers=headers) as answer:
                    assert answer.status == 200 and b"[DONE]" in await answer.read()
            elif words[0] != "export":
                assert words[:3] == [".venv/bin/python", "-m", "proxy"]
                assert await asyncio.to_thread(main, words[3:]) == 0
                assert "Not in the plan:" in capsys.readouterr().out
    assert seen == {"make", "curl", "export", ".venv/bin/python"}
