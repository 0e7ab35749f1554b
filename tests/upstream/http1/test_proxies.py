"""The environment's proxies, as curl reads them."""

from __future__ import annotations

import pytest

from proxy.upstream.http1.origin import locate
from proxy.upstream.http1.proxies import Proxies, Proxy


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://h/", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://h/", Proxy("p", 3128)),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://h/", None),
        ({"HTTP_PROXY": "p"}, "http://h/", Proxy("p", 80)),
        ({"HTTPS_PROXY": "http://p", "https_proxy": "http://q:1"}, "https://h/", Proxy("q", 1)),
        ({"https_proxy": "http://u:p%3Aw@p:1"}, "https://h/", Proxy("p", 1, "Basic dTpwOnc=")),
        ({"https_proxy": "http://u@p:1"}, "https://h/", Proxy("p", 1, "Basic dTo=")),
        ({"https_proxy": ""}, "https://h/", None),
    ],
)
def test_each_scheme_has_its_proxy(environ: dict[str, str], url: str, proxy: Proxy | None) -> None:
    route = Proxies.parse(environ).route(locate(url).origin)
    assert route.proxy == proxy
    assert route.tunnelled == (proxy is not None and url.startswith("https"))


@pytest.mark.parametrize(
    ("entry", "url", "direct"),
    [
        ("*", "https://h/", True),
        ("h.example", "https://h.example/", True),
        ("example", "https://h.example/", True),
        (".example", "https://h.example/", True),
        ("*.example", "https://h.example/", True),
        ("ample", "https://h.example/", False),
        ("H.EXAMPLE", "https://h.example/", True),
        ("h.example:443", "https://h.example/", True),
        ("h.example:444", "https://h.example/", False),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.0.0.0/8", "https://h.example/", False),
        ("fe80::/10", "https://[fe80::1]/", True),
        ("nonsense/x", "https://10.1.2.3/", False),
        (".", "https://h.example/", False),
        (" , x ,h.example", "https://h.example/", True),
    ],
)
def test_no_proxy_names_who_is_reached_without(entry: str, url: str, direct: bool) -> None:
    proxies = Proxies.parse({"HTTPS_PROXY": "http://p:1", "NO_PROXY": entry})
    assert (proxies.route(locate(url).origin).proxy is None) == direct


@pytest.mark.parametrize("text", ["https://u:secret@p", "socks5://p", "http://", "http://p:x"])
def test_a_proxy_of_another_kind_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="^HTTPS_PROXY: ") as raised:
        Proxies.parse({"https_proxy": text})
    assert "secret" not in str(raised.value)


def test_credentials_are_not_shown() -> None:
    assert "Basic" not in repr(Proxies.parse({"http_proxy": "http://u:p@h"}))
