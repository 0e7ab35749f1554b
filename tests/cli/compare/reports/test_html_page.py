"""The HTML page is complete in itself, and nothing in an answer is HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli.compare.chat_request import Answer, ToolCall
from proxy.cli.compare.reports.html_page import html_page
from tests.browser import CHROMIUM, browser
from tests.cli.compare.samples import ANSWER, case, comparison, run

EVIL = "<script>document.title='evil'</script><img src=x onerror=alert(1)>\"'&\x1b"
EVIL_CASE = case(name=EVIL, messages=[{"role": "user", "content": EVIL}])
EVIL_ANSWER = replace(ANSWER, text=EVIL, tool_calls=(ToolCall(EVIL, EVIL),), provider=EVIL, warnings=(EVIL,))
TAGS = {
    "header", "h1", "h2", "h3", "p", "div", "table", "thead", "tbody", "tr", "th", "td", "section", "pre", "article", "b",
    "dl", "dt", "dd", "ul", "li", "details", "summary", "body",
}  # fmt: skip
RESULT = comparison(
    run(EVIL_CASE, EVIL, EVIL_ANSWER, EVIL),
    run(EVIL_CASE, EVIL, number=2),
    run(EVIL_CASE, "down", Answer(error=EVIL)),
    models=(EVIL, "down", "late"),
)


def test_everything_is_escaped() -> None:
    page = html_page(RESULT)
    assert "<script" not in page and "<img" not in page and "\x1b" not in page
    assert page.count("&lt;script&gt;") >= 8
    tags = re.findall(r"<([a-z0-9]+)", page.partition("</style>")[2])
    assert set(tags) <= TAGS


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = html_page(comparison(run(case(), "m")))
    assert "http:" not in page and "https:" not in page and "url(" not in page and "src=" not in page
    assert "default-src 'none'" in page


def test_passed_checks_failures_and_warnings_are_listed() -> None:
    page = html_page(comparison(run(case(), "m", replace(ANSWER, warnings=("w",)), "no match")))
    lists = re.findall(r'<ul class="(\w+)"><li>([^<]*)</li></ul>', page)
    assert lists == [("failures", "regex: no match"), ("warnings", "w"), ("passes", "equals Paris")]


def test_of_several_runs_those_that_failed_are_open() -> None:
    of = case()
    assert "<details" not in html_page(comparison(run(of, "m"), run(of, "n")))
    page = html_page(comparison(run(of, "m"), run(of, "m", ANSWER, "no match", number=2)))
    assert re.findall(r"<details( open)?><summary>(.) (run \d)", page) == [("", "✓", "run 1"), (" open", "✗", "run 2")]


@pytest.mark.skipif(CHROMIUM is None, reason="needs the Debian package chromium")
async def test_a_browser_shows_the_answers_as_text(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html_page(RESULT), encoding="utf-8")
    async with browser() as page:
        await page.open((tmp_path / "page.html").as_uri())
        assert await page.wait_for("document.querySelectorAll('article').length") == 3
        assert await page.value("document.title") == RESULT.summary
        assert EVIL.replace("\x1b", "\\x1b") in await page.value("document.querySelector('article pre').textContent")
        assert await page.value("document.querySelectorAll('script, img').length") == 0
        await page.set_viewport(375, 700)
        assert await page.wait_for("document.documentElement.scrollWidth <= 375")
        assert page.console_errors == []
