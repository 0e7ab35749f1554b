"""Only localhost and IP literals pass the Host check, and only the listener's own pages the Origin check."""

from __future__ import annotations

import pytest

from proxy.errors import ForbiddenError
from proxy.host_origin import check_host, check_origin

SAFE = [
    "", ":8090", "localhost", "localhost:", "LocalHost:8090", "127.0.0.1", "127.0.0.1:8090", "127.9.9.9", "0.0.0.0",
    "10.0.0.7:8090", "192.168.1.2", "[::1]", "[::1]:8090", "[::2]", "[2001:db8::7]:80", "[::ffff:10.0.0.7]:8090",
    "[fe80::1%25eth0]:8090",
]  # fmt: skip
UNSAFE = [
    "evil.test", "evil.test:8090", "localhost.evil.test", "127.0.0.1.evil.test:8090", "[::1", "::1", "[localhost]",
    "[127.0.0.1]", "localhost:8090:1", "localhost:x", "10.0.0.7@evil.test", "evil.test:80@10.0.0.7", "127.1", "0x7f.0.0.1",
    "2130706433", "127.0.0.1 ", "local\u0570ost", "\u0661.0.0.1", "\udcff", "[]", "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("host", SAFE)
def test_localhost_and_ip_literals_pass(host: str) -> None:
    check_host({"Host": host}, "")


def test_a_request_without_a_host_passes() -> None:
    check_host({}, "")


@pytest.mark.parametrize("host", UNSAFE)
def test_any_other_host_is_rejected_with_the_remedy(host: str) -> None:
    with pytest.raises(
        ForbiddenError, match="only localhost and IP addresses are served, not the host '.*'; name keys$"
    ) as caught:
        check_host({"Host": host}, "name keys")
    assert (caught.value.status, len(caught.value.message) < 250) == (403, True)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "evil.test"),
        ("http://localhost:8090", "localhost:8090"),
        ("https://Parrot.test", "parrot.test"),
        ("https://app.test", "localhost"),
    ],
)
def test_own_pages_and_allowed_origins_pass(origin: str | None, host: str) -> None:
    check_origin({"Host": host} | ({"Origin": origin} if origin else {}), ("https://app.test",), "")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.test", "localhost"),
        ("http://localhost:3000", "localhost:8090"),
        ("http://app.test", "localhost"),
        ("https://app.test.evil.test", "localhost"),
        ("null", "null"),
        ("", "localhost"),
        ("http://", ""),
    ],
)
def test_any_other_origin_is_rejected_with_the_remedy(origin: str, host: str) -> None:
    with pytest.raises(ForbiddenError, match=f"requests from the web origin '{origin}' are rejected; list it$"):
        check_origin({"Host": host, "Origin": origin}, ("https://app.test",), "list it")
