"""What the docs show works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from proxy.pipeline import REGISTRY
from proxy.routing.policy import HEADERS
from tests.running import HELLO, TWO, running

DOCS = Path(__file__).parent.parent / "docs"
ASK = {"model": "m", "messages": HELLO}


def block(file: str, language: str) -> str:
    return (DOCS / file).read_text().split(f"```{language}\n", 1)[1].split("```", 1)[0]


async def test_ones_own_middleware_works_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teams.py").write_text(block("middleware.md", "python"))
    monkeypatch.syspath_prepend(tmp_path)
    text = block("middleware.md", "yaml") + TWO[TWO.index("providers:") :]
    async with running(text) as started, aiohttp.ClientSession() as http:
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


@pytest.mark.parametrize(
    "path", sorted((DOCS.parent).glob("*.md")) + sorted(DOCS.glob("*.md")), ids=lambda path: path.name
)
def test_links_lead_to_files_that_are_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []
