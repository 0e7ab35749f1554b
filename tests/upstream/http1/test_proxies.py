"""Proxy environment variables are read as curl reads them."""

from __future__ import annotations

import pytest

from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import EnvironmentValueError, Proxies, Proxy


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://h/", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://h/", Proxy("p", 3128)),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://h/", None),
        ({"HTTP_PROXY": "p"}, "http://h/", Proxy("p", 80)),
        ({"HTTPS_PROXY": "http://p", "https_proxy": "http://q:1"}, "https://h/", Proxy("q", 1)),
        ({"https_proxy": "http://u:p%3Aw@p:1"}, "https://h/", Proxy("p", 1, "Basic dTpwOnc=")),
        ({"https_proxy": "http://\udcff@p:1"}, "https://h/", Proxy("p", 1, "Basic /zo=")),
        ({"https_proxy": "http://u@p:1"}, "https://h/", Proxy("p", 1, "Basic dTo=")),
        ({"https_proxy": ""}, "https://h/", None),
        ({"https_proxy": " \t", "HTTPS_PROXY": " http://p:1\n"}, "https://h/", Proxy("p", 1)),
        ({"https_proxy": "http://[2001:db8::7]:3128"}, "https://h/", Proxy("2001:db8::7", 3128)),
        ({"https_proxy": "HTTP://p.example:3128/"}, "https://h/", Proxy("p.example", 3128)),
        ({"ALL_PROXY": "http://p:1"}, "https://h/", Proxy("p", 1)),
        ({"all_proxy": "p:1"}, "http://h/", Proxy("p", 1)),
        ({"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "https://h/", Proxy("q", 1)),
        ({"ALL_PROXY": "socks5://p", "HTTP_PROXY": "q:1", "HTTPS_PROXY": "q:1"}, "https://h/", Proxy("q", 1)),
    ],
)
def test_the_proxy_is_chosen_by_scheme(environ: dict[str, str], url: str, proxy: Proxy | None) -> None:
    route = Proxies.from_environ(environ).route(parse_target(url).origin)
    assert route.proxy == proxy
    assert route.is_tunnelled == (proxy is not None and url.startswith("https"))


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
        (" , x ,h.example", "https://h.example/", True),
        ("x h.example\ty", "https://h.example/", True),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("[fe80::1]", "https://[fe80::1]/", True),
        ("fe80::0:1", "https://[fe80::1]/", True),
        ("[fe80::1]:443", "https://[fe80::1]/", True),
        ("[fe80::1]:444", "https://[fe80::1]/", False),
        ("my_host", "https://my_host/", True),
    ],
)
def test_no_proxy_entries_match_hosts(entry: str, url: str, direct: bool) -> None:
    proxies = Proxies.from_environ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": entry})
    assert (proxies.route(parse_target(url).origin).proxy is None) == direct


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]",
     "0.0.0.0", "[::]"],
)  # fmt: skip
def test_loopback_is_always_direct(host: str) -> None:
    proxies = Proxies.from_environ({"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:1"})
    assert [proxies.route(parse_target(f"{scheme}://{host}:1234/").origin).proxy for scheme in ("http", "https")] == [
        None
    ] * 2


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost", "128.0.0.1", "[::2]", "10.0.0.7"])
def test_other_hosts_are_not_direct(host: str) -> None:
    assert Proxies.from_environ({"HTTP_PROXY": "http://p:1"}).route(
        parse_target(f"http://{host}/").origin
    ).proxy == Proxy("p", 1)


FORM = "http://[user:password@]host[:port]"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://u:secret@p", f"https:// proxies are not supported; expected {FORM}"),
        ("socks5://secret@p:1080", f"socks5:// proxies are not supported; expected {FORM}"),
        ("SOCKS5H://p", f"socks5h:// proxies are not supported; expected {FORM}"),
        ("http://", f"expected {FORM}"),
        ("http://p:x", f"expected {FORM}"),
        ("http://p:0", f"expected {FORM}"),
        ("http://p:70000", f"expected {FORM}"),
        ("http://secret proxy:1", f"expected {FORM}"),
        ("http://[::1", f"expected {FORM}"),
        ("http://[secret]:1", f"expected {FORM}"),
        ("://p", f"expected {FORM}"),
        ("secret@", f"expected {FORM}"),
        ("http://u:secret/x@p:1", f"expected {FORM}"),
        ("http://u:secret#x@p:1", f"expected {FORM}"),
        ("http://u:secret?x@p:1", f"expected {FORM}"),
        ("http://p:1/path", f"expected {FORM}"),
        ("http:/p:1", f"expected {FORM}"),
        ("http://\udcff:1", f"expected {FORM}"),
    ],
)
def test_an_unusable_proxy_value_is_an_error_naming_the_variable(name: str, text: str, message: str) -> None:
    with pytest.raises(EnvironmentValueError) as raised:
        Proxies.from_environ({name: text})
    assert str(raised.value) == f"{name}: {message}"


@pytest.mark.parametrize("entry", ["http://user:secret@h", "user:secret@h", "secret@"])
def test_credentials_in_no_proxy_are_not_shown(entry: str) -> None:
    with pytest.raises(EnvironmentValueError, match="^NO_PROXY: cannot use an entry with an @; expected") as raised:
        Proxies.from_environ({"NO_PROXY": f"h.example,{entry}"})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/33",
        "nonsense/x",
        "10.*",
        "http://h",
        ".",
        "*.",
        "h:x",
        "<local>",
        "[::1",
        "::1:x",
        "-h",
        "h:999999",
        "h:\u0661",
    ],
)
def test_an_invalid_no_proxy_entry_is_an_error_naming_the_variable(entry: str) -> None:
    with pytest.raises(EnvironmentValueError) as raised:
        Proxies.from_environ({"NO_PROXY": f"h.example, {entry}"})
    assert str(raised.value).startswith(
        f"NO_PROXY: cannot use the entry {entry!r}; expected a comma-separated list of "
    )


def test_credentials_are_not_shown() -> None:
    assert "Basic" not in repr(Proxies.from_environ({"http_proxy": "http://u:p@h"}))
