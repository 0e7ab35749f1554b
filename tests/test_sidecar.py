"""Without keys only this machine can connect; where it listens is a URL one can use."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from proxy.config.schema import Listen
from proxy.sidecar import Exposed, Sidecar, check_exposure, start
from tests.fakes import PIPELINE, Log, generation, text

KEYED = PIPELINE.replace("header_policy", "{auth: {keys: [{name: app, value: secret}]}}, header_policy")
KEYLESS = PIPELINE.replace("header_policy", "auth, header_policy")


@pytest.mark.parametrize("pipeline", [PIPELINE, KEYLESS])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "192.168.1.2", "example.test", "", "fe80::1"])
def test_open_without_keys_is_refused(pipeline, host):
    with pytest.raises(Exposed, match="name keys under pipeline: auth: keys"):
        check_exposure(Listen(host=host), generation(text(pipeline)))


@pytest.mark.parametrize("pipeline", [PIPELINE, KEYLESS, KEYED])
@pytest.mark.parametrize(
    "listen",
    [
        Listen(),
        Listen(host="127.0.0.1"),
        Listen(host="127.9.9.9"),
        Listen(host="::1"),
        Listen(host="localhost"),
        Listen(host="0.0.0.0", unix="/run/parrot.sock"),
    ],
)
def test_what_only_this_machine_can_reach_needs_no_keys(pipeline, listen):
    check_exposure(listen, generation(text(pipeline)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7"])
def test_with_keys_it_may_be_open(host):
    check_exposure(Listen(host=host), generation(text(KEYED)))


async def test_an_open_sidecar_without_keys_never_listens():
    with pytest.raises(Exposed):
        await start(replace(launch(generation(), Log()), listen=Listen(host="0.0.0.0", port=0)))


@pytest.mark.parametrize(
    "name, url",
    [
        (("127.0.0.1", 8090), "http://127.0.0.1:8090"),
        (("::1", 8090, 0, 0), "http://[::1]:8090"),
        ("/run/parrot.sock", "unix:/run/parrot.sock"),
    ],
)
def test_the_url_is_where_it_listens(name, url):
    server = SimpleNamespace(sockets=[SimpleNamespace(getsockname=lambda: name)])
    assert _url(server) == url
