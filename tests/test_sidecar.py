"""Start and stop: listen security, reloads, readiness, draining."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from aiohttp import web

from proxy.background import run_in_background
from proxy.config.document import ConfigError
from proxy.config.process_schema import Admin, Listen
from proxy.control.watch import HealthWatcher
from proxy.downstream.bind import BindError
from proxy.sandbox.scenario import Fault
from proxy.sidecar import (
    InsecureListenError,
    _with_listen_check,
    check_listen_security,
    start,
)
from tests.callers import post
from tests.fakes import PIPELINE, generation, routing_yaml
from tests.running import (
    HELLO,
    TWO_PROVIDERS,
    CapturedLog,
    RunningSidecar,
    build_generation,
    no_sleep,
    run_sidecar,
    startup_options,
)
from tests.silent_provider import SilentProvider, point_at

ASK = {"model": "m", "messages": HELLO}
KEYED = PIPELINE.replace("header_policy", "{auth: {keys: [{name: app, value: secret}]}}, header_policy")
KEYLESS = PIPELINE.replace("header_policy", "auth, header_policy")


@pytest.mark.parametrize("pipeline", [PIPELINE, KEYLESS])
@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.7", "192.168.1.2", "example.test", "fe80::1", ("127.0.0.1", "10.0.0.7"), ("::1", "::")],
)
def test_a_public_listener_without_keys_is_an_error(pipeline, host):
    with pytest.raises(InsecureListenError, match="set pipeline: auth: keys"):
        check_listen_security(Listen(host=host), generation(routing_yaml(pipeline)))


@pytest.mark.parametrize("pipeline", [PIPELINE, KEYLESS, KEYED])
@pytest.mark.parametrize(
    "listen",
    [
        Listen(),
        Listen(host="127.0.0.1"),
        Listen(host="127.9.9.9"),
        Listen(host="::1"),
        Listen(host="localhost"),
        Listen(host=("127.0.0.1", "::1", "localhost")),
        Listen(host="0.0.0.0", unix="/run/parrot.sock"),
    ],
)
def test_a_loopback_listener_needs_no_keys(pipeline, listen):
    check_listen_security(listen, generation(routing_yaml(pipeline)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7"])
def test_a_public_listener_with_keys_is_allowed(host):
    check_listen_security(Listen(host=host), generation(routing_yaml(KEYED)))


async def test_a_public_sidecar_without_keys_never_listens():
    with pytest.raises(InsecureListenError):
        await start(replace(startup_options(generation(), CapturedLog()), listen=Listen(host="0.0.0.0", port=0)))


# Reloads


def test_a_reload_must_not_remove_the_keys_of_a_public_listener():
    options = startup_options(
        build_generation(TWO_PROVIDERS), CapturedLog(), build=lambda text, _: build_generation(text)
    )
    build = _with_listen_check(replace(options, listen=Listen(host="0.0.0.0")))
    keyed = TWO_PROVIDERS.replace(" auth,", " {auth: {keys: [{name: app, value: secret}]}},")
    assert build(keyed, 2).snapshot.models
    with pytest.raises(ConfigError, match="listen: host 0.0.0.0 is reachable from the network but no key is required"):
        build(TWO_PROVIDERS, 2)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_not_used_for_loopback(
    name: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with run_sidecar() as started, http.post(f"{started.url}/v1/chat/completions", json=ASK) as answer:
        assert answer.status == 200


KEYED_PROVIDER = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "URL/v1", api_key: "${file:KEY}"}
models:
  m: {first: m-one}
"""


async def test_an_auth_error_makes_the_key_file_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.reload.DEBOUNCE_S", 0)

    async def provider(request: web.BaseRequest) -> web.StreamResponse:
        good = request.headers["Authorization"] == "Bearer new"
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        body: Any = {"choices": [choice]} if good else {"error": {"message": "wrong key"}}
        return web.json_response(body, status=200 if good else 401)

    key, path = tmp_path / "key", tmp_path / "routing.yaml"
    key.write_text("old")
    server = await asyncio.get_running_loop().create_server(web.Server(provider), "127.0.0.1", 0)
    file = KEYED_PROVIDER.replace("URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}").replace(
        "KEY", str(key)
    )
    path.write_text(file)
    sidecar = await start(
        startup_options(
            build_generation(file), CapturedLog(), str(path), lambda text, number: build_generation(text, number=number)
        )
    )
    sidecar.config_task.cancel()
    key.write_text("new")
    try:
        async with openai.AsyncOpenAI(base_url=f"{sidecar.url}/v1", api_key="any", max_retries=0) as client:
            with pytest.raises(openai.InternalServerError, match="auth_error"):
                await client.chat.completions.create(model="m", messages=HELLO)
            assert sidecar.reloader._poll_task is not None
            await sidecar.reloader._poll_task
            assert (await client.chat.completions.create(model="m", messages=HELLO)).provider == "first"
    finally:
        await sidecar.stop()
        server.close()


async def test_a_crashed_config_watcher_is_logged_and_serving_continues(tmp_path: Path) -> None:
    def build(*_: Any) -> Any:
        raise KeyError("a custom middleware")

    log, path = CapturedLog(), tmp_path / "routing.yaml"
    path.write_text(TWO_PROVIDERS)
    sidecar = await start(startup_options(build_generation(TWO_PROVIDERS), log, str(path), build))
    sidecar.config_task.cancel()
    await until(sidecar.config_task.done)
    assert log.lines == []  # a cancelled task is not a failure
    path.write_text("")
    run_in_background(sidecar.reloader.watch(no_sleep), log.logger(), "config_watcher_failed")
    await until(lambda: bool(log.lines))
    await sidecar.stop()
    assert log.lines[0]["event"] == "config_watcher_failed" and "KeyError" in log.lines[0]["exception"]


async def test_a_crashed_health_watcher_has_its_own_log_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise KeyError("a health rule")

    monkeypatch.setattr(HealthWatcher, "poll", fail)
    log = CapturedLog()
    sidecar = await start(startup_options(build_generation(TWO_PROVIDERS), log))
    await until(lambda: bool(log.lines))
    await sidecar.stop()
    assert [line["event"] for line in log.lines] == ["health_watcher_failed"]


async def test_over_a_unix_socket_any_host_is_served(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    options = startup_options(build_generation(TWO_PROVIDERS), CapturedLog())
    sidecar = await start(replace(options, listen=Listen(unix=path)))
    assert sidecar.url == f"unix:{path}"
    connector = aiohttp.UnixConnector(path)
    async with aiohttp.ClientSession(connector=connector) as http:
        for headers, status in [({"Host": "anything.example"}, 200), ({"Origin": "https://evil.example"}, 403)]:
            async with http.get("http://localhost/v1/models", headers=headers) as answer:
                assert answer.status == status
    await sidecar.stop()
    assert not Path(path).exists()  # noqa: ASYNC240


async def test_a_taken_admin_port_closes_the_data_listener() -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (free, taken)]
    free.close()
    await free.wait_closed()
    plain = startup_options(build_generation(TWO_PROVIDERS), CapturedLog())
    with pytest.raises(BindError, match=f"127.0.0.1:{ports[1]}"):
        await start(replace(plain, listen=Listen(port=ports[0]), admin=Admin(port=ports[1])))
    again = await asyncio.start_server(lambda *_: None, "127.0.0.1", ports[0])
    again.close()
    taken.close()


# Probes


async def test_readiness_does_not_depend_on_the_providers(two_providers: RunningSidecar) -> None:
    for name in ("first", "second"):
        await two_providers.sandbox.stop(name)
    async with two_providers.client() as client:
        for _ in range(10):
            with pytest.raises(openai.InternalServerError):
                await client.chat.completions.create(model="m", messages=HELLO)
    assert (await two_providers.admin("GET", "/readyz"))[0] == 200
    assert await two_providers.admin("GET", "/healthz") == (200, {"status": "ok"})


async def test_an_invalid_file_and_the_recovery_show_on_the_admin_listener(two_providers: RunningSidecar) -> None:
    before = (await two_providers.admin("GET", "/admin/config"))[1]
    await two_providers.edit("weight: 1}", "weight: heavy}")
    body = (await two_providers.admin("GET", "/admin/config"))[1]
    problem = f"{two_providers.path.name}:4:71: providers.first.weight: expected a number, got text"
    assert body == {
        **before,
        "last_reload_successful": False,
        "problems": [problem, problem.replace("4:71", "5:72").replace("first", "second")],
    }
    assert (await two_providers.admin("POST", "/admin/reload"))[0] == 422
    await two_providers.edit("weight: heavy}", "weight: 3}")
    body = (await two_providers.admin("GET", "/admin/config"))[1]
    assert (body["generation"], body["last_reload_successful"]) == (2, True) and body["hash"] != before["hash"]


async def test_the_admin_listener_does_not_echo_a_malformed_request(two_providers: RunningSidecar) -> None:
    reader, writer = await asyncio.open_connection(
        *two_providers.sidecar.admin_url.removeprefix("http://").rsplit(":", 1)
    )
    writer.write(b"POST /admin/reload HTTP/1.1\r\nAuthorization Bearer s3cret\r\n\r\n")
    got = await reader.read()
    writer.close()
    assert b" 400 " in got and b"s3cret" not in got


# Stopping


async def is_refused(url: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(*url.removeprefix("http://").rsplit(":", 1))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def begin_stop(started: RunningSidecar) -> asyncio.Task[None]:
    """Begin to stop; return once no connection is accepted."""
    stop = asyncio.create_task(started.sidecar.stop())
    await until(lambda: not started.sidecar.server.is_serving())
    return stop


async def test_a_stream_in_flight_completes_while_no_new_connection_is_accepted(two_providers: RunningSidecar) -> None:
    await two_providers.hold_streams()
    url, admin_url = two_providers.url, two_providers.sidecar.admin_url
    async with two_providers.client() as client:
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        stop = await begin_stop(two_providers)
        status, body = await two_providers.admin("GET", "/readyz")
        assert (status, body["status"]) == (503, "draining")
        assert await is_refused(url)
        two_providers.pace.release()
        chunks = [chunk async for chunk in stream]
    await stop
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert await is_refused(admin_url)
    assert two_providers.log.lines[-1]["outcome"] == "ok"


async def test_an_idle_connection_does_not_delay_the_stop(two_providers: RunningSidecar) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{two_providers.url}/v1/chat/completions", json=ASK) as answer:
            assert answer.status == 200
        async with asyncio.timeout(5):
            await two_providers.sidecar.stop()


async def test_a_response_that_the_client_has_not_taken_yet_is_sent_before_the_stop(
    two_providers: RunningSidecar,
) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * 20_000_000}, "finish_reason": "stop"}
    answer = json.dumps({"id": "a", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
    async with SilentProvider(head.encode() + answer) as provider:
        point_at(two_providers, provider.port)
        reader, writer = await asyncio.open_connection(*two_providers.url.removeprefix("http://").rsplit(":", 1))
        writer.write(post(json.dumps(ASK).encode()))
        await until(lambda: any(each.writing_paused for each in two_providers.sidecar.listener.connections))
        stop = await begin_stop(two_providers)
        await asyncio.wait([stop], timeout=0.3)
        is_stopped = stop.done()
        got = await reader.read()
        writer.close()
        await stop
    assert not is_stopped and two_providers.log.lines[-1]["outcome"] == "ok"
    assert len(got) > len(answer)


async def test_a_request_whose_body_is_still_arriving_is_answered(two_providers: RunningSidecar) -> None:
    body = json.dumps(ASK).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection(*two_providers.url.removeprefix("http://").rsplit(":", 1))
    writer.write(head.encode() + body[:20])
    await until(lambda: two_providers.sidecar.handler.active == 1)
    stop = await begin_stop(two_providers)
    writer.write(body[20:])
    got = await reader.read()
    await stop
    writer.close()
    assert got.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\nConnection: close\r\n" in got


@pytest.mark.parametrize("fault", [Fault("slow", between=0.001, seconds=0.001), Fault("stall", after=3)])
async def test_a_stream_that_outlasts_the_drain_ends_with_an_error_event_and_no_done(fault: Fault) -> None:
    async with run_sidecar(TWO_PROVIDERS + "drain: {timeout: 20ms}") as started, aiohttp.ClientSession() as http:
        for name in ("first", "second"):
            await started.sandbox.set_fault(name, fault)
        started.pace.hold(after=3)
        async with http.post(f"{started.url}/v1/chat/completions", json={**ASK, "stream": True}) as answer:
            await started.sidecar.stop()
            *_, last, rest = (await answer.read()).split(b"\n\n")
    assert rest == b"" and last.startswith(b'data: {"error":') and b"[DONE]" not in last
    assert json.loads(last.removeprefix(b"data: "))["error"]["message"]


async def test_during_the_drains_delay_requests_are_still_accepted() -> None:
    async with run_sidecar(TWO_PROVIDERS + "drain: {delay: 1h}") as started, aiohttp.ClientSession() as http:
        stop = asyncio.create_task(started.sidecar.stop())
        await until(lambda: started.sidecar.handler.draining)
        for _ in range(2):
            async with http.post(f"{started.url}/v1/chat/completions", json=ASK) as answer:
                assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert (await started.admin("GET", "/readyz"))[0] == 503
        stop.cancel()
        await started.edit("delay: 1h", "delay: 0s")


async def test_the_drains_timeout_begins_after_its_delay() -> None:
    async with run_sidecar(TWO_PROVIDERS + "drain: {delay: 1h, timeout: 0s}") as started, started.client() as client:
        await started.hold_streams()
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        stop = asyncio.create_task(started.sidecar.stop())
        await until(lambda: started.sidecar.handler.draining)
        assert (await started.admin("GET", "/readyz"))[0] == 503
        started.pace.release()
        assert [chunk.choices[0].finish_reason async for chunk in stream][-1] == "stop"
        stop.cancel()
        await started.edit("delay: 1h", "delay: 0s")


async def test_drain_over_http_only_makes_it_not_ready(two_providers: RunningSidecar) -> None:
    assert await two_providers.admin("POST", "/admin/drain") == (202, {"status": "draining"})
    assert (await two_providers.admin("GET", "/readyz"))[0] == 503
    async with two_providers.client() as client:
        assert (await client.chat.completions.create(model="m", messages=HELLO)).provider
