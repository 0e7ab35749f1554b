"""The configuration files of the compared proxies."""

from __future__ import annotations

import json

import pytest

from bench.payloads import CONTENT_EVENT, UNARY_ANSWER, UNARY_REQUEST
from bench.proxies import PROXIES, ProxyPorts, write_unary_upstream


@pytest.mark.parametrize("name", list(PROXIES))
def test_a_proxys_files_contain_both_ports(name, tmp_path):
    arguments = PROXIES[name].write(tmp_path, ProxyPorts(listen=41001, upstream=41002))
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "41001" in written and "41002" in written
    assert any(str(tmp_path) in argument for argument in arguments)


def test_both_providers_return_the_same_response(tmp_path):
    write_unary_upstream(tmp_path, 41001)
    assert f"return 200 '{UNARY_ANSWER.decode()}'" in (tmp_path / "provider.conf").read_text()


def test_payloads_have_the_documented_sizes():
    assert [round(len(data), -2) for data in (UNARY_REQUEST, UNARY_ANSWER, CONTENT_EVENT)] == [900, 800, 300]


def test_the_response_needs_no_escapes_in_nginxs_file():
    assert "'" not in UNARY_ANSWER.decode() and "$" not in UNARY_ANSWER.decode()
    assert json.loads(UNARY_ANSWER)["object"] == "chat.completion"
