"""`parrot explain` shows a decision of the file's, or of a running sidecar's, and calls nobody."""

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
SAID = {
    "request_id": "r-1", "model": "m", "strategy": "automatic", "policy": {"provider": ["a"]},
    "plan": [{"target": "a@us/m-a", "provider": "a", "region": "us", "model": "m-a", "score": 0.5}], "excluded": [],
}  # fmt: skip


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "routing.yaml"
    path.write_text(routing_yaml())
    return str(path)


def explained(argv, capsys):
    code = main(["explain", *argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def decided(argv, capsys) -> Any:
    code, out, err = explained([*argv, "--json"], capsys)
    assert (code, err) == (0, "")
    return orjson.loads(out)


def test_the_files_decision_is_shown_as_a_table(config, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = explained(["-c", config, "--model", "m", "-H", "x-provider: a"], capsys)
    assert (code, err) == (0, "")
    assert "  1  a@us/m-a" in out and "     b@us/m-b  not named by X-Provider" in out
    assert PROVIDER_KEY not in out


def test_as_json_it_is_what_the_sidecar_answers(config, capsys):
    said = decided(["-c", config, "--model", "m", "-H", "X-Provider: a", "-H", "X-Request-Id: r-1"], capsys)
    assert isinstance(said["plan"][0].pop("score"), float)
    assert said == {
        **SAID,
        "window_s": 300,
        "plan": [{"target": "a@us/m-a", "provider": "a", "region": "us", "model": "m-a"}],
        "excluded": [
            {"target": "b@us/m-b", "provider": "b", "reason": "not_in_provider"},
            {"target": "c@us/m-c", "provider": "c", "reason": "not_in_provider"},
        ],
    }


def test_the_same_request_id_gives_the_same_plan(config, capsys):
    ask = ["-c", config, "--model", "m", "-H", "X-Request-Id: r-1"]
    assert decided(ask, capsys) == decided(ask, capsys)


def test_the_body_may_come_from_a_file_and_the_model_from_the_command_line(config, capsys, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"model": "other", "messages": [{"role": "user", "content": "x"}], "routing": {"provider": "b"}}')
    ask = ["-c", config, "--request", str(body)]
    assert explained(ask, capsys)[0] == 1
    assert [step["provider"] for step in decided([*ask, "--model", "m"], capsys)["plan"]] == ["b"]


def test_without_keys_nobody_may_serve_but_as_in_the_sandbox_all_do(config, capsys, tmp_path):
    path = tmp_path / "keyless.yaml"
    path.write_text(routing_yaml().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"'))
    ask = ["-c", str(path), "--model", "m"]
    assert {each["reason"] for each in decided(ask, capsys)["excluded"]} == {"disabled"}
    assert len(decided([*ask, "--sandbox"], capsys)["plan"]) == 3


@pytest.mark.parametrize(
    "argv, code, said",
    [
        ([], 2, "which model? name it with --model, or give a --request"),
        (["--model", "mm"], 1, "no model 'mm' in the routing table; did you mean 'm'?"),
        (["--model", "m", "-H", "X-Provider: z"], 1, "X-Provider: no provider 'z'; allowed: a, b, c"),
        (["--request", "/no/such/file"], 2, "cannot read /no/such/file: no such file or directory"),
        (
            ["--model", "m", "--url", "http://127.0.0.1:1"],
            1,
            "cannot ask http://127.0.0.1:1/v1/route: connection refused",
        ),
        (
            ["--model", "m", "--url", "http://user:canary@127.0.0.1:1"],
            1,
            "cannot ask http://127.0.0.1:1/v1/route: connection refused",
        ),
        (["--model", "m", "--url", "nonsense"], 2, "'nonsense' is no URL such as http://127.0.0.1:8090"),
    ],
)
def test_what_goes_wrong_is_one_line(argv, code, said, config, capsys):
    assert explained(["-c", config, *argv], capsys) == (code, "", f"parrot: {said}\n")


@pytest.mark.parametrize("header", ["Bearer sk-canary", ": sk-canary", "X: sk-canary\nb"])
def test_a_header_that_is_none_is_wrong_usage(header, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["explain", "--model", "m", "-H", header])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "expected NAME: VALUE" in said and "canary" not in said


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/v1"])
def test_a_running_sidecar_gets_the_request_the_headers_and_the_key(url, mocked_web: aioresponses, capsys, monkeypatch):
    monkeypatch.setenv("PARROT_API_KEY", "k")
    asked = []

    def answer(url, **options):
        asked.append((options["json"], dict(options["headers"])))
        return CallbackResult(payload=SAID)

    mocked_web.post(f"{URL}/v1/route", callback=answer)
    assert decided(["--url", url, "--model", "m", "-H", "X-Provider: a"], capsys) == SAID
    messages = [{"role": "user", "content": "Hello"}]
    assert asked == [({"messages": messages, "model": "m"}, {"X-Provider": "a", "Authorization": "Bearer k"})]


@pytest.mark.parametrize(
    "answer, said",
    [
        ({"status": 404, "payload": {"error": {"message": "no model 'm'"}}}, "answered 404: no model 'm'"),
        ({"status": 404, "body": "<html>"}, "answered 404: that is no Parrot Sidecar"),
        ({"payload": ["x"]}, "answered 200: that is no Parrot Sidecar"),
        ({"exception": TimeoutError()}, "did not answer within 10 s"),
        ({"exception": aiohttp.ServerDisconnectedError()}, "Server disconnected"),
    ],
)
def test_a_sidecar_that_does_not_answer_so_is_one_line(answer, said, mocked_web: aioresponses, capsys):
    mocked_web.post(f"{URL}/v1/route", **answer)
    code, out, err = explained(["--url", URL, "--model", "m"], capsys)
    assert (code, out) == (1, "")
    assert f"{URL}/v1/route" in err and said in err and err.count("\n") == 1


async def test_a_real_sidecar_explains_itself(capsys):
    async with run_sidecar() as started:
        ask = ["explain", "--url", started.url, "--model", "m", "-H", "X-Provider-Fallbacks: second,first", "--json"]
        assert await asyncio.to_thread(main, ask) == 0
    assert [step["provider"] for step in orjson.loads(capsys.readouterr().out)["plan"]] == ["second", "first"]
