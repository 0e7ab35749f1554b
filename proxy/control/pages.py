"""The dashboard's files; they hold nothing but the page itself, so whoever may connect gets them without a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from aiohttp import web

from proxy.errors import MethodNotAllowedError
from proxy.exchange import Exchange, Handler
from proxy.messages import Headers, RawResponse, Response
from proxy.middleware.auth import Auth
from proxy.pipeline import Pipeline

_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One file."""

    content_type: str
    body: bytes

    async def run(self, http_request: web.BaseRequest, headers: Headers) -> web.StreamResponse:
        """Writes it, under rules that keep other pages and other people's scripts out."""
        said = {**_HEADERS, "Server": headers["Server"]}
        written = web.Response(body=self.body, content_type=self.content_type, charset="utf-8", headers=said)
        await written.prepare(http_request)
        await written.write_eof()
        return written


def _read() -> Mapping[str, Page]:
    found = {each.name: each for each in files("proxy.control").joinpath("dashboard").iterdir()}
    pages = {
        f"/dashboard/{name}": Page(_KINDS[name.rpartition(".")[2]], file.read_bytes()) for name, file in found.items()
    }
    index = pages.pop("/dashboard/index.html")
    return {"/dashboard": index, "/dashboard/": index, **pages}


PAGES: Mapping[str, Page] = _read()
"""Path -> what stands there."""


def find_page(path: str, pipeline: Pipeline) -> Handler[Exchange] | None:
    """Who answers with the page at `path`, None if there is none; without keys it shows it to this machine alone."""
    found = PAGES.get(path.partition("?")[0])
    if found is None:
        return None
    auth = next((each for each in pipeline.middlewares if isinstance(each, Auth)), Auth())
    shown = partial(_show, found)
    return shown if auth.keys else partial(auth, handler=shown)


async def _show(found: Page, exchange: Exchange) -> Response:
    method = exchange.request.method
    if method not in ("GET", "HEAD"):
        raise MethodNotAllowedError(f"{method} is not allowed here; GET is", headers={"Allow": "GET, HEAD"})
    return RawResponse(200, {}, b"", found.run)
