"""The dashboard's static files. They contain no data, so they are served without a key.

The page itself calls the API with the key that the user enters.
"""

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

_CONTENT_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
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
    """One static file."""

    content_type: str
    body: bytes

    async def run(self, http_request: web.BaseRequest, headers: Headers) -> web.StreamResponse:
        """Write the file, with a Content-Security-Policy that allows only the sidecar's own scripts."""
        all_headers = {**_HEADERS, "Server": headers["Server"]}
        response = web.Response(body=self.body, content_type=self.content_type, charset="utf-8", headers=all_headers)
        await response.prepare(http_request)
        await response.write_eof()
        return response


def _read_pages() -> Mapping[str, Page]:
    by_name = {each.name: each for each in files("proxy.control").joinpath("dashboard").iterdir()}
    pages = {
        f"/dashboard/{name}": Page(_CONTENT_TYPES[name.rpartition(".")[2]], file.read_bytes())
        for name, file in by_name.items()
    }
    index = pages.pop("/dashboard/index.html")
    return {"/dashboard": index, "/dashboard/": index, **pages}


PAGES: Mapping[str, Page] = _read_pages()
"""Path -> file."""


def find_page(path: str, pipeline: Pipeline) -> Handler[Exchange] | None:
    """Return the handler of a dashboard path, or None for another path.

    Without keys the Host and Origin checks of `auth` apply to it too.
    """
    page = PAGES.get(path.partition("?")[0])
    if page is None:
        return None
    auth = next((each for each in pipeline.middlewares if isinstance(each, Auth)), Auth())
    handler = partial(_show, page)
    return handler if auth.keys else partial(auth, handler=handler)


async def _show(page: Page, exchange: Exchange) -> Response:
    method = exchange.request.method
    if method not in ("GET", "HEAD"):
        raise MethodNotAllowedError(f"method {method} not allowed; use GET", headers={"Allow": "GET, HEAD"})
    return RawResponse(200, {}, b"", page.run)
