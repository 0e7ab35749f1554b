"""`parrot explain` shows the decision from a file or of a running sidecar, and calls no provider."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest
from aioresponses import CallbackResult, aioresponses

from proxy.cli import main
from tests.fakes import PROVIDER_KEY, routing_yaml
from tests.running import run_sidecar

URL = "http://127.0.0.1:8090"
DECISION = {
    "request_id": "r-1", "model": "m", "strategy": "automatic", "policy": {"provider": ["a"]},
    "plan": [{"target": "a@us/m-a", "provider": "a", "region": "us", "model": "m-a", "score": 0.5}], "excluded": [],
}  # fmt: skip


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "routing.yaml"
    path.write_text(routing_yaml())
    return str(path)


def run_explain(argv, capsys):
    code = main(["explain", *argv])
    output = capsys.readouterr()
    return code, output.out, output.err


def decide(argv, capsys) -> Any:
    code, out, err = run_explain([*argv, "--json"], capsys)
    assert (code, err) == (0, "")
    return orjson.loads(out)


def test_the_decision_from_a_file_is_a_table(config, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run_explain(["-c", config, "--model", "m", "-H", "x-provider: a"], capsys)
    assert (code, err) == (0, "")
    assert "  1  a@us/m-a" in out and "     b@us/m-b  not named by X-Provider" in out
    assert PROVIDER_KEY not in out


def test_json_output_equals_that_of_v1_route(config, capsys):
    output = decide(["-c", config, "--model", "m", "-H", "X-Provider: a", "-H", "X-Request-Id: r-1"], capsys)
    assert isinstance(output["plan"][0].pop("score"), float)
    assert output == {
        **DECISION,
        "window_s": 300,
        "plan": [{"target": "a@us/m-a", "provider": "a", "region": "us", "model": "m-a", "priority": 0, "weight": 1.0}],
        "excluded": [
            {"target": "b@us/m-b", "provider": "b", "reason": "not_in_provider"},
            {"target": "c@us/m-c", "provider": "c", "reason": "not_in_provider"},
        ],
    }


def test_the_same_request_id_gives_the_same_plan(config, capsys):
    ask = ["-c", config, "--model", "m", "-H", "X-Request-Id: r-1"]
    assert decide(ask, capsys) == decide(ask, capsys)


def test_the_body_comes_from_a_file_and_the_model_from_the_command_line(config, capsys, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"model": "other", "messages": [{"role": "user", "content": "x"}], "routing": {"provider": "b"}}')
    ask = ["-c", config, "--request", str(body)]
    assert run_explain(ask, capsys)[0] == 1
    assert [step["provider"] for step in decide([*ask, "--model", "m"], capsys)["plan"]] == ["b"]


def test_without_keys_every_target_is_excluded_except_with_sandbox(config, capsys, tmp_path):
    path = tmp_path / "keyless.yaml"
    path.write_text(routing_yaml().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"'))
    ask = ["-c", str(path), "--model", "m"]
    assert {each["reason"] for each in decide(ask, capsys)["excluded"]} == {"disabled"}
    assert len(decide([*ask, "--sandbox"], capsys)["plan"]) == 3


@pytest.mark.parametrize(
    "argv, code, output",
    [
        ([], 2, "no model given: use --model or --request"),
        (["--model", "mm"], 1, "no model 'mm' in the routing table; did you mean 'm'?"),
        (["--model", "m", "-H", "X-Provider: z"], 1, "X-Provider: no provider 'z'; allowed: a, b, c"),
        (["--request", "/no/such/file"], 2, "cannot read /no/such/file: no such file or directory"),
        (
            ["--model", "m", "--url", "http://127.0.0.1:1"],
            1,
            "cannot connect to http://127.0.0.1:1/v1/route: connection refused",
        ),
        (
            ["--model", "m", "--url", "http://user:canary@127.0.0.1:1"],
            1,
            "cannot connect to http://127.0.0.1:1/v1/route: connection refused",
        ),
        (["--model", "m", "--url", "nonsense"], 2, "'nonsense' is not a URL such as http://127.0.0.1:8090"),
    ],
)
def test_an_error_is_one_line(argv, code, output, config, capsys):
    assert run_explain(["-c", config, *argv], capsys) == (code, "", f"parrot: {output}\n")


@pytest.mark.parametrize("header", ["Bearer sk-canary", ": sk-canary", "X: sk-canary\nb"])
def test_an_invalid_header_is_invalid_usage(header, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["explain", "--model", "m", "-H", header])
    assert caught.value.code == 2
    output = capsys.readouterr().err
    assert "expected NAME: VALUE" in output and "canary" not in output


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/v1"])
def test_a_running_sidecar_receives_the_request_headers_and_key(url, mocked_web: aioresponses, capsys, monkeypatch):
    monkeypatch.setenv("PARROT_API_KEY", "k")
    received = []

    def answer(url, **options):
        received.append((options["json"], dict(options["headers"])))
        return CallbackResult(payload=DECISION)

    mocked_web.post(f"{URL}/v1/route", callback=answer)
    assert decide(["--url", url, "--model", "m", "-H", "X-Provider: a"], capsys) == DECISION
    messages = [{"role": "user", "content": "Hello"}]
    assert received == [({"messages": messages, "model": "m"}, {"X-Provider": "a", "Authorization": "Bearer k"})]


@pytest.mark.parametrize(
    "answer, output",
    [
        ({"status": 404, "payload": {"error": {"message": "no model 'm'"}}}, "responded 404: no model 'm'"),
        ({"status": 404, "body": "<html>"}, "responded 404: not a Parrot Sidecar endpoint"),
        ({"payload": ["x"]}, "responded 200: not a Parrot Sidecar endpoint"),
        ({"exception": TimeoutError()}, "did not respond within 10 s"),
        ({"exception": aiohttp.ServerDisconnectedError()}, "Server disconnected"),
    ],
)
def test_an_unexpected_response_is_one_line(answer, output, mocked_web: aioresponses, capsys):
    mocked_web.post(f"{URL}/v1/route", **answer)
    code, out, err = run_explain(["--url", URL, "--model", "m"], capsys)
    assert (code, out) == (1, "")
    assert f"{URL}/v1/route" in err and output in err and err.count("\n") == 1


async def test_a_real_sidecar_returns_its_decision(capsys):
    async with run_sidecar() as started:
        ask = ["explain", "--url", started.url, "--model", "m", "-H", "X-Provider-Fallbacks: second,first", "--json"]
        assert await asyncio.to_thread(main, ask) == 0
    assert [step["provider"] for step in orjson.loads(capsys.readouterr().out)["plan"]] == ["second", "first"]


def test_a_key_of_the_file_has_its_policy(tmp_path, capsys):
    path = tmp_path / "keys.yaml"
    keys = "{auth: {keys: [{name: app, value: app-key, policy: {provider: [b]}}]}}"
    path.write_text(routing_yaml(f"[{keys}, header_policy, limits, strategy, sse_passthrough, failover, translate]"))
    ask = ["-c", str(path), "--model", "m"]
    assert len(decide(ask, capsys)["plan"]) == 3
    found = decide([*ask, "--key", "app"], capsys)
    assert [step["provider"] for step in found["plan"]] == ["b"] and found["policy_sources"] == {"provider": ["key"]}
    assert run_explain([*ask, "--key", "ap"], capsys) == (2, "", "parrot: no key 'ap'; did you mean 'app'?\n")
