"""The life of a pod, from the start of its sidecar to the end of its application."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.deploy.manifests import find, load
from tests.deploy.pod import SECRETS, Pod

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and loopback addresses of Linux")

SIMULATED = """
providers: {a: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}}
models: {m: {a: MODEL}}
"""
KEYED = f"""
providers:
  a: {{dialect: openai, base_url: "URL", api_key: "${{file:{SECRETS}/openai}}"}}
  keyless: {{dialect: openai, base_url: "http://127.0.0.1:1/v1"}}
models: {{m: {{a: m-a}}, other: {{keyless: m}}}}
"""
DEPLOYMENT = ("sidecar", "bare")
JOB = ("sidecar", "once")
PLAIN = ("plain-container", "bare")

CLIENT = """
import json, os, signal, urllib.request
def ask(**options):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}], **options}).encode()
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    return urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}))
"""
ONE_REQUEST = CLIENT + 'print(json.load(ask())["model"])'
A_STREAM_AND_SIGTERM = f"""{CLIENT}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
stream = ask(stream=True)
stream.readline()
print("streaming", flush=True)
signal.sigwait([signal.SIGTERM])
print(stream.read().splitlines()[-2].decode(), json.load(ask())["model"])
"""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Callable[..., Pod]]:
    """Start a pod with simulated providers."""
    pods = []

    def start(workload: tuple[str, str], more: str = "") -> Pod:
        pods.append(Pod(tmp_path, SIMULATED + more, {}, workload, "--sandbox"))
        return pods[-1]

    yield start
    for pod in pods:
        pod.__exit__()


def test_probes_reach_the_sidecar_from_outside_and_the_api_is_on_loopback_only(simulated: Callable[..., Pod]) -> None:
    pod = simulated(DEPLOYMENT, "listen: {host: 192.0.2.1}\nadmin: {host: 192.0.2.1}\n")  # whatever the file says
    for path in ("/readyz", "/healthz", "/metrics"):  # as the kubelet and Prometheus send it: not to 127.0.0.1
        request = Request(pod.sidecar.admin.replace("127.0.0.1", "127.0.0.2") + path, headers={"Host": "10.1.2.3:9464"})
        with urlopen(request) as response:
            assert response.status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", int(pod.sidecar.url.rpartition(":")[2])))


def test_a_job_completes_with_its_application(simulated: Callable[..., Pod]) -> None:
    """An open dashboard and an idle connection do not hold the sidecar."""
    pod = simulated(JOB)
    address = ("127.0.0.1", int(pod.sidecar.url.rpartition(":")[2]))
    stream = Request(f"{pod.sidecar.url}/v1/providers/health/stream", headers={"Accept": "text/event-stream"})
    with urlopen(stream) as dashboard, socket.create_connection(address):
        assert dashboard.readline()
        application = pod.start_application(ONE_REQUEST)
        assert application.communicate() == ("MODEL\n", None) and application.returncode == 0
        code, events = pod.terminate_sidecar()
    assert code == 0 and "request_completed" in events


def test_the_application_ends_its_work_before_the_sidecar_is_told_to_end(simulated: Callable[..., Pod]) -> None:
    pod = simulated(DEPLOYMENT)
    application = pod.start_application(A_STREAM_AND_SIGTERM)
    assert application.stdout is not None and application.stdout.readline() == "streaming\n"
    application.send_signal(signal.SIGTERM)
    assert application.communicate() == ("data: [DONE] MODEL\n", None)
    assert pod.terminate_sidecar() == (0, ["request_completed", "request_completed"])


def test_a_plain_container_still_serves_the_application_that_ends_with_it(simulated: Callable[..., Pod]) -> None:
    pod = simulated(PLAIN, "drain: {delay: 10m}")
    pod.sidecar.send(signal.SIGTERM)
    pod.sidecar.wait_until_draining()
    assert pod.ask()[0] == 200


def test_an_update_of_the_config_map_reaches_the_running_sidecar(simulated: Callable[..., Pod]) -> None:
    pod = simulated(DEPLOYMENT)
    pod.update_config(SIMULATED.replace("MODEL", "other"))
    pod.wait_for(lambda config: config["generation"] == 2)
    assert pod.ask()[1]["model"] == "other"
    pod.update_config("providers: [")
    pod.wait_for(lambda config: not config["last_reload_successful"])
    assert pod.ask()[1]["model"] == "other"
    assert pod.terminate_sidecar()[0] == 0


def test_the_chart_serves_clients_with_a_key_by_the_name_of_the_service(tmp_path: Path) -> None:
    name = "gateway-parrot-sidecar"
    routing = find(load("chart"), "ConfigMap", name)["data"]["routing.yaml"]
    keys = {"client-key": "sk-client-0001", "openai": "sk-openai-0001", "anthropic": "sk-anthropic-0001"}
    with Pod(tmp_path, routing, keys, ("chart", name), "--sandbox") as pod:
        request = Request(f"{pod.sidecar.url}/v1/models", headers={"Host": f"{name}.llm:8090"})
        with pytest.raises(HTTPError) as refused:
            urlopen(request)
        with refused.value as response:
            assert response.code == 401
        request.add_header("Authorization", "Bearer sk-client-0001")
        with urlopen(request) as response:
            assert "gpt-4o" in {model["id"] for model in json.load(response)["data"]}


class Account:
    """A provider that accepts one key."""

    def __init__(self, key: str) -> None:
        self.key = key

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Yield its base URL."""
        account = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status, body = account.answer(self.headers["Authorization"].removeprefix("Bearer "))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/v1"
            finally:
                server.shutdown()
                thread.join()

    def answer(self, key: str) -> tuple[int, bytes]:
        if key != self.key:
            return 401, b'{"error": {"message": "wrong key"}}'
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        return 200, json.dumps({"choices": [choice]}).encode()


def test_a_secret_can_come_later_and_change(tmp_path: Path) -> None:
    account = Account("sk-first-0001")
    with account.serve() as url:
        routing = KEYED.replace("URL", url)
        with Pod(tmp_path, routing, {}, DEPLOYMENT) as pod:
            assert pod.ask()[1]["error"]["code"] == "no_eligible_provider"
            for generation, key in enumerate(("sk-first-0001", "sk-second-0002"), 2):
                account.key = key
                pod.update_keys({"openai": key})
                pod.wait_for(lambda config, number=generation: config["generation"] == number)
                assert pod.ask()[0] == 200
            assert pod.terminate_sidecar()[0] == 0
