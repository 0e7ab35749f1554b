"""The examples of the documentation work, its lists are complete, and its links resolve."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.cli import main
from proxy.cli.main import COMMANDS
from proxy.cli.schema import schema
from proxy.errors import ParrotError
from proxy.pipeline import REGISTRY
from proxy.routing.policy import HEADERS
from tests.running import HELLO, SHIPPED_CONFIG, TWO_PROVIDERS, build_generation, run_sidecar
from tests.source import sources

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("**/*.md"))]
CHAT = {"model": "m", "messages": HELLO}
CONFIG_KEYS = {"PARROT_API_KEY": "key", "PARROT_ADMIN_KEY": "key"}


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read_doc(file: str) -> str:
    return (DOCS / file).read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


async def test_the_documented_custom_middlewares_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = read_doc("guides/custom-middleware.md")
    modules, (pipeline,) = blocks(guide, "python"), blocks(guide, "yaml")
    (tmp_path / "teams.py").write_text("\n".join(["import aiohttp", *modules]))
    monkeypatch.syspath_prepend(tmp_path)
    service = TestServer(team_service())
    await service.start_server()
    more = f"  - teams:AskTeamService: {{url: 'http://{service.host}:{service.port}'}}\n  - teams:AppendCount\n  - header_policy\n"
    config = pipeline.replace("  - header_policy\n", more) + TWO_PROVIDERS[TWO_PROVIDERS.index("providers:") :]
    async with run_sidecar(config) as started, aiohttp.ClientSession() as http:
        url = f"{started.url}/v1/chat/completions"
        async with http.post(url, json=CHAT, headers={"X-Team": "search"}) as response:
            assert (response.status, response.headers["X-Team"]) == (200, "search")
        for headers, message in (({}, "must be one of search, support"), ({"X-Team": "support"}, "unknown team")):
            async with http.post(url, json=CHAT, headers=headers) as response:
                assert response.status == 400
                assert (await response.json())["error"]["message"] == f"X-Team: {message}"
        async with http.post(url, json={**CHAT, "stream": True}, headers={"X-Team": "search"}) as response:
            *events, count = (await response.text()).strip().split("\n\n")
        assert events[-1] == "data: [DONE]" and count == f": {len(events)} events"
    await service.close()


def team_service() -> web.Application:
    """Knows the team `search`."""

    async def find(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["name"] == "search" else 404)

    service = web.Application()
    service.router.add_get("/teams/{name}", find)
    return service


def broken_example() -> tuple[str, str]:
    """The invalid file of the getting-started page, and the output that the page shows for it."""
    found = re.search(
        r"For this file\n\n```yaml\n(.*?)```\n\nit reports\n\n```\n\$ parrot check broken.yaml\n(.*?)```",
        read_doc("getting-started.md"),
        re.DOTALL,
    )
    assert found is not None
    return found[1], found[2]


def test_check_reports_the_documented_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, output = broken_example()
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text(config)
    assert main(["check", "broken.yaml"]) == 2
    assert capsys.readouterr().err == output


def complete_configs() -> Iterator[tuple[str, str]]:
    """Page and text of each YAML example that is a complete file."""
    for path in PAGES:
        for text in blocks(path.read_text(), "yaml"):
            is_complete = all(re.search(rf"^{key}:", text, re.MULTILINE) for key in ("providers", "models"))
            if is_complete and text != broken_example()[0]:
                yield page_id(path), text


@pytest.mark.parametrize(("page", "text"), list(complete_configs()))
def test_a_complete_configuration_example_is_valid(page: str, text: str) -> None:
    snapshot = build_generation(text, CONFIG_KEYS).snapshot
    assert snapshot.models or snapshot.patterns


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md", "docs/reference/providers.md"])
async def test_the_sdk_example_runs_as_it_stands(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (snippet, *_) = (text for text in blocks((ROOT / page).read_text(), "python") if "import OpenAI" in text)
    async with run_sidecar(SHIPPED_CONFIG) as started:
        snippet = snippet.replace("http://127.0.0.1:8090", started.url)
        await asyncio.to_thread(exec, compile(snippet, page, "exec"), {})
    assert "Hello" in capsys.readouterr().out


def schema_keys(schema: Any) -> Iterator[str]:
    """Every key that the JSON Schema of the configuration allows, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from schema_keys(value)


def log_events() -> Iterator[str]:
    """The name of every event that a module logs."""
    for text in sources().values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
                is_event = isinstance(name, str) and re.fullmatch(r"[a-z]+(_[a-z]+)+", name)
                if is_event and node.func.attr in ("debug", "info", "warning", "error", "exception"):
                    yield str(name)


def error_codes(kind: type[ParrotError] = ParrotError) -> Iterator[str]:
    yield kind.code
    for each in kind.__subclasses__():
        yield from error_codes(each)


def in_code(name: str, text: str) -> bool:
    """Whether the name is written in code font."""
    return re.search(rf"`[^`\n]*(?<![\w-]){re.escape(name)}(?![\w-])[^`\n]*`", text) is not None


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("reference/configuration.md", sorted({*schema_keys(schema()), *REGISTRY})),
        ("reference/headers.md", [*HEADERS, "X-Request-Id"]),
        ("reference/log-events.md", sorted({*log_events(), "request_completed", "log_lines_dropped"})),
        ("reference/errors.md", sorted(set(error_codes()))),
        ("reference/cli.md", [f"parrot {name}" for name in COMMANDS]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reference_page_is_complete(file: str, names: list[str]) -> None:
    text = read_doc(file)
    assert len(names) > 4 and [name for name in names if not in_code(name, text)] == []


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page, and to the lines of a source file."""
    if path.suffix == ".py":
        return {f"L{number}" for number, _ in enumerate(path.read_text().splitlines(), 1)}
    headings = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """Links of a page to files or headings that do not exist; links to other sites are not checked."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if ":" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_resolve(path: Path) -> None:
    assert broken_links(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` title\n[x](#a-b-title) [x](#other) [x](page.md) [x](none.md) [x](https://example.com/#y)\n"
    )
    assert broken_links(page) == ["#other", "none.md"]


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_repository_paths_exist(path: Path) -> None:
    named = re.findall(r"`((?:proxy|tests|bench|deploy|docs)/[\w/.-]*)`", path.read_text())
    assert [name for name in named if not (ROOT / name).exists() and name != "bench/results/"] == []


def test_the_index_lists_every_page() -> None:
    listed = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+)", read_doc("README.md"))}
    assert {path for path in DOCS.glob("**/*.md") if path.name != "README.md"} <= listed


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


@pytest.mark.parametrize("path", PAGES, ids=page_id)
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
    for block in blocks((ROOT / "README.md").read_text(), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)


def options(words: list[str], *names: str) -> list[str]:
    """The values that follow any of these options."""
    return [value for option, value in pairwise(words) if option in names]


async def test_every_command_of_the_readme_works_after_make_run(capsys: pytest.CaptureFixture[str]) -> None:
    """`make run` installs the dependencies only, so the README must not use the command `parrot`."""
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
                async with http.post(url, data=options(words, "-d")[0], headers=headers) as response:
                    assert response.status == 200 and b"[DONE]" in await response.read()
            elif words[0] != "export":
                assert words[:3] == [".venv/bin/python", "-m", "proxy"]
                assert await asyncio.to_thread(main, words[3:]) == 0
                assert "Excluded:" in capsys.readouterr().out
    assert seen == {"make", "curl", "export", ".venv/bin/python"}
