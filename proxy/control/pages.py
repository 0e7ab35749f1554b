"""The dashboard's static files. They contain no data, so they are served without a key.

The page itself calls the API with the key that the user enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.endpoints import LocalEndpoint

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

    def show(self, exchange: Exchange) -> Response:
        """Return the file, with a Content-Security-Policy that allows only the sidecar's own scripts."""
        return Response(200, {**_HEADERS, "Content-Type": f"{self.content_type}; charset=utf-8"}, self.body)


def _read_pages() -> Mapping[str, Page]:
    by_name = {each.name: each for each in files("proxy.control").joinpath("dashboard").iterdir()}
    pages = {
        f"/dashboard/{name}": Page(_CONTENT_TYPES[name.rpartition(".")[2]], file.read_bytes())
        for name, file in by_name.items()
    }
    index = pages.pop("/dashboard/index.html")
    return {"/": index, "/dashboard": index, "/dashboard/": index, **pages}


PAGES: Mapping[str, Page] = _read_pages()
"""Path -> file."""


PAGE_ENDPOINTS: Mapping[str, LocalEndpoint] = {
    path: LocalEndpoint("GET", page.show, is_public=True) for path, page in PAGES.items()
}
"""The files as endpoints. Without keys the Host and Origin checks of `auth` apply to them too."""
