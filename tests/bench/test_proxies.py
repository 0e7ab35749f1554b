"""The configuration files of the compared proxies, and the payloads."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from bench.payloads import (
    ANTHROPIC_CONTENT,
    ANTHROPIC_MODEL,
    CONTENT_EVENT,
    PROVIDER_HEADERS,
    STREAM_MODELS,
    TOOLS_ANSWER,
    UNARY_ANSWER,
    UNARY_REQUEST,
    VARIANTS,
    Api,
)
from bench.proxies import PROXIES
from bench.proxies.plain import write_unary_upstream
from bench.proxies.proxy import ProxyPorts
from proxy.config.document import parse
from proxy.config.load import load
from proxy.config.typed_loader import TypedLoader


@pytest.mark.parametrize("name", list(PROXIES))
def test_a_proxys_command_and_files_contain_both_ports_and_no_address_but_loopback(name, tmp_path):
    command = PROXIES[name].write("/program", tmp_path, ProxyPorts(listen=41001, upstream=41002))
    api = PROXIES[name].api.for_upstream(41002)
    written = " ".join([*command, *api.headers.values(), *(path.read_text() for path in tmp_path.iterdir())])
    assert ("41001" in written or PROXIES[name].chooses_port) and "41002" in written and "/program" in command
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", written)) <= {"127.0.0.1"}


def test_the_sidecars_file_is_valid_and_has_a_model_for_every_request(tmp_path):
    PROXIES["sidecar"].write("python", tmp_path, ProxyPorts(41001, 41002))
    document = parse((tmp_path / "routing.yaml").read_text())
    snapshot, _ = load(TypedLoader(document, {}, lambda path: ""))
    document.raise_if_invalid()
    assert all(len(snapshot.targets(json.loads(body)["model"])) == 1 for body, _ in VARIANTS.values())


def test_nginx_as_a_provider_sends_the_same_responses_and_headers(tmp_path):
    write_unary_upstream("nginx", tmp_path, 41001)
    written = (tmp_path / "nginx.conf").read_text()
    assert f"return 200 '{UNARY_ANSWER.decode()}'" in written
    assert all(f"add_header {name} '{value}';" in written for name, value in PROVIDER_HEADERS)
    escaped = re.findall(r"return 200 '(.*)'", written)[0]
    assert escaped.replace("\\\\", "\\") == TOOLS_ANSWER.decode()


def test_litellm_and_tensorzero_are_configured_for_all_models(tmp_path):
    for name in ("litellm", "tensorzero"):
        PROXIES[name].write("/program", tmp_path, ProxyPorts(41001, 41002))
    models = {*STREAM_MODELS.values(), ANTHROPIC_MODEL}
    listed = json.loads((tmp_path / "litellm.yaml").read_text())["model_list"]
    assert {each["model_name"] for each in listed} == models
    assert tomllib.loads((tmp_path / "tensorzero.toml").read_text())["models"].keys() == models


def test_payloads_have_the_documented_sizes():
    payloads = [UNARY_REQUEST, UNARY_ANSWER, CONTENT_EVENT, ANTHROPIC_CONTENT]
    assert [round(len(data), -2) for data in payloads] == [900, 800, 300, 100]
    assert (len(PROVIDER_HEADERS), len({name for name, _ in PROVIDER_HEADERS})) == (20, 19)


def test_responses_need_no_escapes_of_quotes_and_variables_in_nginxs_file():
    for body in (UNARY_ANSWER, TOOLS_ANSWER):
        assert "'" not in body.decode() and "$" not in body.decode()
        assert json.loads(body)["object"] == "chat.completion"


def test_an_api_has_its_own_path_model_names_and_headers():
    api = Api("/openai/v1/chat/completions", "prefix::", {"X-Key": "k"})
    head, _, body = api.post(UNARY_REQUEST).partition(b"\r\n\r\n")
    assert json.loads(body)["model"] == "prefix::gpt-4o" and json.loads(body)["messages"]
    assert head.startswith(b"POST /openai/v1/chat/completions HTTP/1.1\r\n") and b"X-Key: k" in head
    assert b"Content-Length: %d\r\n" % len(body) in head
