"""`parrot serve` says where it listens and who serves, or in clear lines why it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import pytest

from proxy.cli import main
from proxy.cli.file import load_generation
from proxy.cli.main import parser
from proxy.cli.serve import _serve
from tests.exhaustion import resource
from tests.fakes import PROVIDER_KEY, routing_yaml
from tests.source import ROOT


@pytest.fixture
def write(tmp_path):
    def writer(content):
        path = tmp_path / "routing.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return writer


def ended(argv, capsys):
    code = main(["serve", *argv])
    said = capsys.readouterr()
    assert said.out == ""
    return code, said.err


def test_a_file_that_is_not_there_is_one_line(capsys, tmp_path):
    path = str(tmp_path / "nowhere.yaml")
    assert ended(["-c", path], capsys) == (2, f"parrot: cannot read {path}: no such file or directory\n")


def test_a_folder_is_no_file(capsys, tmp_path):
    assert ended(["-c", str(tmp_path)], capsys) == (2, f"parrot: cannot read {tmp_path}: is a directory\n")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_line(capsys, write):
    path = write(routing_yaml())
    os.chmod(path, 0)
    assert ended(["-c", path], capsys) == (2, f"parrot: cannot read {path}: permission denied\n")


def test_a_file_that_is_not_utf_8_is_one_line(capsys, write):
    path = write(b"pipeline: \xff\xfe")
    assert ended(["-c", path], capsys) == (2, f"parrot: cannot read {path}: it is not UTF-8 at byte 10\n")


def test_of_a_broken_file_every_problem_is_shown_with_its_place(capsys, write):
    path = write(
        routing_yaml().replace("dialect: openai", "dialekt: openai", 1).replace("failover", "{failover: {x: 1}}")
    )
    code, said = ended(["-c", path], capsys)
    first, *problems = said.splitlines()
    assert (code, first) == (2, f"parrot: 3 problems in {path}")
    assert [line.removeprefix(f"{path}:") for line in problems] == [
        "2:86: pipeline[5].failover.x: unknown key; known: circuit_breaker, hedge, max_retries, max_retry_after_wait, resume",
        "4:6: providers.a.dialect: is missing",
        "4:7: providers.a.dialekt: unknown key; did you mean 'dialect'?",
    ]


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "1:1: the file is empty"),
        ("a: [", "2:1: invalid YAML: "),
        ("- a\n", "1:1: expected a mapping with keys such as"),
    ],
)
def test_a_file_that_is_no_table_is_one_problem(content, said, capsys, write):
    code, shown = ended(["-c", write(content)], capsys)
    assert code == 2
    assert "parrot: 1 problem in " in shown and said in shown


def test_no_key_is_shown_of_a_file_with_problems(capsys, write):
    _, said = ended(["-c", write(routing_yaml().replace("regions", "regionz"))], capsys)
    assert PROVIDER_KEY not in said


def test_a_busy_port_is_one_line(capsys, write):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        code, said = ended(["-c", write(routing_yaml()), "--port", str(port)], capsys)
    assert (code, said) == (1, f"parrot: cannot listen on 127.0.0.1:{port}: address already in use\n")


@pytest.mark.parametrize(
    "unix, said", [("/no/such/folder/x", "no such file or directory"), ("/tmp/" + "x" * 200, "path too long")]
)
def test_a_socket_that_cannot_be_made_is_one_line(unix, said, capsys, write):
    code, shown = ended(["-c", write(routing_yaml() + f"listen: {{unix: {unix}}}\n")], capsys)
    assert code == 1
    assert shown.startswith(f"parrot: cannot listen on {unix}: ") and shown.endswith(f"{said}\n")


def test_open_to_the_network_without_keys_is_one_line(capsys, write):
    path = write(routing_yaml())
    code, said = ended(["-c", path, "--host", "0.0.0.0"], capsys)
    assert code == 2
    assert said.startswith(f"parrot: {path}: listen: host 0.0.0.0 is reachable from outside and no key is asked for; ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("HTTPS_PROXY", "socks5://user:s3cret@p:1080", "socks5:// proxies are not supported; expected http://"),
        ("HTTP_PROXY", "http://user:s3cret@p:port", "expected http://[user:password@]host[:port]"),
        ("ALL_PROXY", "socks5h://user:s3cret@p", "socks5h:// proxies are not supported; expected http://"),
        ("NO_PROXY", "10.*", "cannot use the entry '10.*'; expected a comma-separated list of hosts"),
        ("SSL_CERT_FILE", "/no/such/file", "cannot read /no/such/file: No such file or directory; expected a PEM file"),
    ],
)
def test_an_environment_that_cannot_be_used_is_one_line(name, value, said, capsys, write, monkeypatch):
    for other in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv(name, value)
    code, shown = ended(["-c", write(routing_yaml()), "--port", "0", "--admin-port", "0"], capsys)
    assert (code, shown.count("\n")) == (2, 1)
    assert shown.startswith(f"parrot: {name}: {said}") and "s3cret" not in shown


async def served(argv, capsys):
    stopped = asyncio.Event()
    stopped.set()
    arguments = parser().parse_args(["serve", "--admin-port", "0", *argv])
    assert await _serve(arguments, load_generation(arguments.config), stopped) == 0
    return capsys.readouterr().out


async def test_says_where_it_listens_who_serves_and_how_to_try_it(capsys, write):
    file = routing_yaml().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"', 1)
    path = write(file)
    said = await served(["-c", path, "--port", "0"], capsys)
    assert " listens on http://127.0.0.1:" in said and f", routed by {path}\n" in said
    assert "  providers: b, c\n  disabled: a (PARROT_NO_SUCH_KEY is not set)\n" in said
    assert "/v1/chat/completions" in said and '"model": "m"' in said
    assert PROVIDER_KEY not in said


async def test_simulated_providers_need_no_keys(capsys, write):
    said = await served(
        ["-c", write(routing_yaml().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"')), "--sandbox", "--port", "0"],
        capsys,
    )
    assert "  simulated providers: a, b, c\n" in said and "disabled" not in said


async def test_listens_on_a_unix_socket_unless_told_a_port(capsys, write, tmp_path):
    path = write(routing_yaml() + f"listen: {{unix: {tmp_path}/s}}\n")
    said = await served(["-c", path], capsys)
    assert f"listens on unix:{tmp_path}/s," in said
    assert f"curl --unix-socket {tmp_path}/s http://localhost/v1" in said
    assert " listens on http://127.0.0.1:" in await served(["-c", path, "--port", "0"], capsys)


class Served:
    """`parrot serve` in a process of its own."""

    def __init__(self, path, *options, limit=None, form="json", environ=None):
        argv = [sys.executable, "-W", "error", "-m", "proxy", "serve", "-c", path, *(options or ["--sandbox"])]
        argv += ["--port", "0", "--admin-port", "0", "--log-format", form]
        # In the child, between fork and exec: how many descriptors it may open, (soft, hard).
        lower = limit and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environ = {**os.environ, **(environ or {})}
        self.process = subprocess.Popen(argv, cwd=ROOT, env=environ, preexec_fn=lower, **pipes)
        banner = [self.process.stdout.readline()]
        while "curl" not in banner[-1] or "chat/completions" not in banner[-1]:
            banner.append(self.process.stdout.readline())
        urls = re.findall(r"http://[^/, ]+", "".join(banner))
        self.url, _dashboard, self.admin, self.control = urls[:4]  # without a sandbox the last one has no use

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def send(self, number):
        self.process.send_signal(number)

    def asked(self, url, path, body=None, method=None):
        """An answer under way."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return urlopen(UrlRequest(url + path, data, headers, method=method or ("POST" if data else "GET")), timeout=20)

    def fail(self, **fault):
        self.asked(self.control, "/providers/a", fault, "PUT").close()

    def streaming(self):
        """A stream whose first content has come."""
        stream = self.asked(self.url, "/v1/chat/completions", {**ASK, "stream": True})
        assert b'"content"' in stream.readline()
        return stream

    def until_draining(self):
        while True:
            try:
                self.asked(self.admin, "/readyz").close()
            except HTTPError as error:
                with error:
                    assert (error.code, json.load(error)["status"]) == (503, "draining")
                return

    def logged(self):
        return json.loads(self.process.stderr.readline())

    def ended(self):
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, [json.loads(line)["event"] for line in errors.splitlines()]


ASK = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
SOLO = routing_yaml().replace("{a: m-a, b: m-b, c: m-c}", "{a: m-a}")

signalled = pytest.mark.skipif(sys.platform == "win32", reason="signals end processes there")


@signalled
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_while_idle_it_ends_with_0(write, number):
    with Served(write(SOLO)) as served:
        served.send(number)
        assert served.ended() == (0, [])


@signalled
def test_told_to_stop_it_is_not_ready_and_finishes_the_stream_in_hand(write):
    with Served(write(SOLO)) as served:
        served.fail(fault="slow", seconds=0, between=0.2)
        with served.streaming() as stream:
            served.send(signal.SIGTERM)
            served.until_draining()
            assert stream.read().endswith(b"data: [DONE]\n\n")
        assert served.ended() == (0, ["request_completed"])


@signalled
def test_told_twice_it_ends_at_once(write):
    with Served(write(SOLO)) as served:
        served.fail(fault="stall", after=3)
        with served.streaming():
            served.send(signal.SIGTERM)
            served.until_draining()
            served.send(signal.SIGTERM)
            code, _ = served.ended()
    assert code == 1


@signalled
def test_hangup_reads_the_file_at_once_and_logs_what_changed_and_no_secret(write):
    path = write(SOLO)
    with Served(path) as served:
        write(SOLO.replace(PROVIDER_KEY, "another-canary", 1).replace("m-a}", "m-z}") + "listen: {port: 1}\n")
        served.send(signal.SIGHUP)
        line = served.logged()
        assert (line["event"], line["generation"]) == ("config_reloaded", 2)
        assert line["changes"] == [
            "providers.a.api_key changed", "models.m.a: m-a -> m-z", "listen added (needs a restart)",
        ]  # fmt: skip
        assert json.load(served.asked(served.url, "/v1/chat/completions", ASK))["model"] == "m-z"
        write("providers: [")
        served.send(signal.SIGHUP)
        lines = [served.logged(), served.logged()]
        assert [line["event"] for line in lines] == ["request_completed", "config_reload_failed"]
        assert lines[1]["problems"][0].startswith(f"{path}:2:1: invalid YAML: ")
        assert json.load(served.asked(served.url, "/v1/chat/completions", ASK))["model"] == "m-z"


KEY_FILES = [
    (lambda path: None, "cannot read {}: No such file or directory"),
    (lambda path: path.write_text(" \n"), "${{file:{}}} is empty"),
    (lambda path: os.mkfifo(path), "cannot read {}: it is a FIFO, not a regular file"),
]


@signalled
@pytest.mark.parametrize("make, reason", KEY_FILES, ids=["none", "empty", "fifo"])
def test_a_key_file_that_cannot_be_used_disables_its_provider_alone(make, reason, write, tmp_path):
    key = tmp_path / "key"
    make(key)
    path = write(routing_yaml().replace(PROVIDER_KEY, f"'${{file:{key}}}'", 1))
    with Served(path, "--host", "127.0.0.1") as served:
        line = served.logged()
        assert (line["event"], line["provider"], line["reason"]) == ("provider_disabled", "a", reason.format(key))
        health = json.load(served.asked(served.url, "/v1/providers/health"))["providers"]
        assert [(each["name"], each["status"]) for each in health[:2]] == [("a", "disabled"), ("b", "healthy")]
        assert health[0]["reason"] == reason.format(key)
        served.send(signal.SIGHUP)
        served.send(signal.SIGTERM)
        assert served.ended() == (0, [])


@signalled
def test_a_key_file_that_becomes_a_fifo_holds_up_neither_reloads_nor_the_end(write, tmp_path):
    key = tmp_path / "key"
    key.write_text("sk-1\n")
    with Served(write(routing_yaml().replace(PROVIDER_KEY, f"'${{file:{key}}}'", 1)), "--host", "127.0.0.1") as served:
        key.unlink()
        os.mkfifo(key)
        served.asked(served.admin, "/admin/reload", method="POST").close()
        lines = [served.logged(), served.logged()]
        assert [line["event"] for line in lines] == ["provider_disabled", "config_reloaded"]
        key.unlink()
        key.write_text("sk-2\n")
        served.asked(served.admin, "/admin/reload", method="POST").close()
        assert [served.logged()["event"] for _ in range(2)] == ["provider_enabled", "config_reloaded"]
        served.send(signal.SIGTERM)
        assert served.ended() == (0, [])


CRASHING = """
import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crashing:
    salt: str

    async def __call__(self, exchange, handler):
        asyncio.get_running_loop().call_exception_handler({"message": f"a library met {self.salt}"})
        raise RuntimeError(f"{self.salt} and {exchange.request.headers['X-Seen']} are wrong")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_in_the_log_of_a_process_before_or_after_a_reload(form, write, tmp_path):
    (tmp_path / "crashing.py").write_text(CRASHING)
    crashing = SOLO.replace("[access_log,", "[access_log, {'crashing:Crashing': {salt: '${SALT}'}},")
    salt, old, new = "salt-canary-0123", "sk-canary-0123-old", "sk-canary-0123-new"
    path = write(crashing.replace(PROVIDER_KEY, old))
    lines = []
    environ = {"SALT": salt, "PYTHONPATH": str(tmp_path)}
    with Served(path, form=form, environ=environ) as served:
        for key in (old, new):
            write(crashing.replace(PROVIDER_KEY, key))
            served.asked(served.admin, "/admin/reload", method="POST").close()
            request = UrlRequest(f"{served.url}/v1/models", headers={"X-Seen": f"{old} {new}" if key == new else old})
            with pytest.raises(HTTPError) as caught, urlopen(request, timeout=20):
                pass
            with caught.value as answer:
                assert (answer.code, "canary" in answer.read().decode()) == (500, False)
        served.send(signal.SIGTERM)
        lines = served.process.communicate(timeout=20)[1]
    assert lines.count("RuntimeError: [redacted] and [redacted]") == 2
    assert lines.count("a library met [redacted]") == 2 and "config_reloaded" in lines
    assert "canary" not in lines
