"""The dashboard's files need no key, but pass the Host and Origin checks and have security headers."""

from __future__ import annotations

import re

import aiohttp
import pytest

from proxy.control.pages import PAGES
from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

KEYED = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: s3cret}]}},")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/dashboard", "text/html"),
        ("/dashboard/", "text/html"),
        ("/dashboard?x=1", "text/html"),
        ("/dashboard/dashboard.css", "text/css"),
        ("/dashboard/dashboard.js", "text/javascript"),
        ("/dashboard/icon.svg", "image/svg+xml"),
    ],
)
async def test_a_page_has_its_content_type_and_security_headers(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, path: str, kind: str
) -> None:
    async with http.get(f"{two_providers.url}{path}") as answer:
        assert (answer.status, answer.content_type) == (200, kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';") and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path", ["/dashboard/nothing.js", "/dashboard/../pages.py", "/dashboard/__init__.py", "/index.html"]
)
async def test_other_paths_are_404(two_providers: RunningSidecar, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"{two_providers.url}{path}") as answer:
        assert answer.status == 404


async def test_pages_need_no_key_and_the_api_does(http: aiohttp.ClientSession) -> None:
    async with run_sidecar(KEYED) as started:
        found = {}
        for path in ("/", "/dashboard/dashboard.js", "/v1/providers/health", "/v1/providers/activity"):
            async with http.get(f"{started.url}{path}", headers={"Host": "parrot.cluster.local"}) as answer:
                found[path] = answer.status
    assert list(found.values()) == [200, 200, 401, 401]


@pytest.mark.parametrize("headers", [{"Host": "evil.test"}, {"Origin": "https://evil.test"}])
async def test_without_keys_pages_are_limited_to_this_machine(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    async with http.get(f"{two_providers.url}/dashboard", headers=headers) as answer:
        assert answer.status == 403


async def test_pages_accept_get_and_head_only(two_providers: RunningSidecar, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/dashboard"):
        async with http.head(f"{two_providers.url}{path}") as answer:
            assert answer.status == 200 and await answer.read() == b""
            assert answer.headers["Content-Length"] == str(len(PAGES[path].body))
    async with http.post(f"{two_providers.url}/dashboard") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_the_page_loads_nothing_external_and_has_no_inline_code() -> None:
    texts = {path: page.body.decode() for path, page in PAGES.items()}
    for path, text in texts.items():
        links = re.findall(r"https?://[^\s\"']+", text)
        assert set(links) <= {"http://www.w3.org/2000/svg"}, path
    index = texts["/dashboard"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", index)
    assert all(name in texts for name in re.findall(r'(?:src|href)="(/[^"]+)"', index))
