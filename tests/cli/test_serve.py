"""`parrot serve` prints a banner and serves, or ends with one clear line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from urllib.error import HTTPError
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import pytest

from proxy.cli import main
from proxy.cli.file import EXAMPLE, load_generation
from proxy.cli.main import build_parser
from proxy.cli.serve import _serve
from tests.cli.serve_process import ASK, ServeProcess
from tests.fakes import PROVIDER_KEY, routing_yaml

unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this platform has no unix sockets")


@pytest.fixture
def write(tmp_path):
    def writer(content):
        path = tmp_path / "routing.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return writer


def run_serve(argv, capsys):
    code = main(["serve", *argv])
    output = capsys.readouterr()
    assert output.out == ""
    return code, output.err


def test_a_missing_file_is_one_line(capsys, tmp_path):
    path = str(tmp_path / "nowhere.yaml")
    assert run_serve(["-c", path], capsys) == (2, f"parrot: cannot read {path}: no such file or directory\n")


def test_a_folder_is_one_line(capsys, tmp_path):
    assert run_serve(["-c", str(tmp_path)], capsys) == (2, f"parrot: cannot read {tmp_path}: is a directory\n")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_line(capsys, write):
    path = write(routing_yaml())
    os.chmod(path, 0)
    assert run_serve(["-c", path], capsys) == (2, f"parrot: cannot read {path}: permission denied\n")


def test_a_file_that_is_not_utf_8_is_one_line(capsys, write):
    path = write(b"pipeline: \xff\xfe")
    assert run_serve(["-c", path], capsys) == (2, f"parrot: cannot read {path}: it is not UTF-8 at byte 10\n")


def test_every_problem_of_an_invalid_file_is_listed_with_its_position(capsys, write):
    path = write(
        routing_yaml().replace("dialect: openai", "dialekt: openai", 1).replace("failover", "{failover: {x: 1}}")
    )
    code, output = run_serve(["-c", path], capsys)
    first, *problems = output.splitlines()
    assert (code, first) == (2, f"parrot: 3 problems in {path}")
    assert [line.removeprefix(f"{path}:") for line in problems] == [
        "2:86: pipeline[5].failover.x: unknown key; known: circuit_breaker, hedge, max_retries, max_retry_after_wait, resume",
        "4:6: providers.a.dialect: is missing",
        "4:7: providers.a.dialekt: unknown key; did you mean 'dialect'?",
    ]


@pytest.mark.parametrize(
    "content, output",
    [
        ("", "1:1: the file is empty"),
        ("a: [", "2:1: invalid YAML: "),
        ("- a\n", "1:1: expected a mapping with keys such as"),
    ],
)
def test_a_file_that_is_not_a_mapping_is_one_problem(content, output, capsys, write):
    code, shown = run_serve(["-c", write(content)], capsys)
    assert code == 2
    assert "parrot: 1 problem in " in shown and output in shown


def test_problems_do_not_show_keys(capsys, write):
    _, output = run_serve(["-c", write(routing_yaml().replace("regions", "regionz"))], capsys)
    assert PROVIDER_KEY not in output


@pytest.mark.parametrize(
    ("option", "other", "key"), [("--port", "--admin-port", "listen"), ("--admin-port", "--port", "admin")]
)
def test_a_busy_port_is_one_line_that_says_how_to_choose_another(option, other, key, capsys, write):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port, path = busy.getsockname()[1], write(routing_yaml())
        code, output = run_serve(["-c", path, other, "0", option, str(port)], capsys)
    hint = f"choose another port with {option}, or with {key}: port in {path}"
    assert (code, output) == (1, f"parrot: cannot listen on 127.0.0.1:{port}: address already in use; {hint}\n")


@pytest.mark.parametrize(
    "unix, output", [("/no/such/folder/x", "no such file or directory"), ("/tmp/" + "x" * 200, "path too long")]
)
def test_an_invalid_unix_socket_is_one_line(unix, output, capsys, write):
    code, shown = run_serve(["-c", write(routing_yaml() + f"listen: {{unix: {unix}}}\n")], capsys)
    assert code == 1
    assert shown.startswith(f"parrot: cannot listen on {unix}: ") and shown.endswith(f"{output}\n")


def test_a_public_listener_without_keys_is_one_line(capsys, write):
    path = write(routing_yaml())
    code, output = run_serve(["-c", path, "--host", "0.0.0.0"], capsys)
    assert code == 2
    assert output.startswith(
        f"parrot: {path}: listen: host 0.0.0.0 is reachable from the network but no key is required; "
    )
    assert output.count("\n") == 1


@pytest.mark.parametrize(
    "name, value, output",
    [
        ("HTTPS_PROXY", "socks5://user:s3cret@p:1080", "socks5:// proxies are not supported; expected http://"),
        ("HTTP_PROXY", "http://user:s3cret@p:port", "expected http://[user:password@]host[:port]"),
        ("ALL_PROXY", "socks5h://user:s3cret@p", "socks5h:// proxies are not supported; expected http://"),
        ("NO_PROXY", "10.*", "cannot use the entry '10.*'; expected a comma-separated list of hosts"),
        ("NO_PROXY", "user:s3cret@h", "cannot use an entry with an @; expected a comma-separated list of hosts"),
        ("SSL_CERT_DIR", "/no/such/folder", "/no/such/folder is not a directory"),
        ("SSL_CERT_FILE", "/no/such/file", "cannot read /no/such/file: No such file or directory; expected a PEM file"),
    ],
)
def test_an_invalid_environment_variable_is_one_line(name, value, output, capsys, write, monkeypatch):
    for other in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv(name, value)
    code, shown = run_serve(["-c", write(routing_yaml()), "--port", "0", "--admin-port", "0"], capsys)
    assert (code, shown.count("\n")) == (2, 1)
    assert shown.startswith(f"parrot: {name}: {output}") and "s3cret" not in shown


async def serve_once(argv, capsys):
    stopped = asyncio.Event()
    stopped.set()
    argv = ["serve", "--admin-port", "0", *argv]
    arguments = build_parser(argv).parse_args(argv)
    assert await _serve(arguments, load_generation(arguments.config), stopped) == 0
    return capsys.readouterr().out


async def test_in_an_empty_folder_the_sandbox_serves_the_example(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = await serve_once(["-c", EXAMPLE, "--sandbox", "--port", "0"], capsys)
    assert ", configured by the built-in example, as there is no routing.yaml here\n" in output
    assert "  simulated providers: openai, anthropic, google, mistral, cohere, meta\n" in output
    assert '"model": "gpt-4o"' in output


def test_in_an_empty_folder_without_the_sandbox_it_says_what_to_do(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output = run_serve([], capsys)
    assert (code, output.splitlines()[0]) == (2, "parrot: no routing.yaml in this folder")
    assert "parrot init" in output


async def test_simulated_providers_need_no_keys(capsys, write):
    output = await serve_once(
        ["-c", write(routing_yaml().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"')), "--sandbox", "--port", "0"],
        capsys,
    )
    assert "  simulated providers: a, b, c\n" in output and "disabled" not in output


async def test_an_option_overrides_the_admin_host(capsys, write):
    path = write(routing_yaml() + "admin: {host: 192.0.2.1}\n")  # not an address of this machine
    output = await serve_once(["-c", path, "--port", "0", "--admin-host", "127.0.0.1"], capsys)
    assert "  admin: http://127.0.0.1:" in output


async def test_a_port_option_overrides_the_unix_socket(capsys, write, tmp_path):
    path = write(routing_yaml() + f"listen: {{unix: {tmp_path}/s}}\n")
    output = await serve_once(["-c", path], capsys)
    assert f"listening on unix:{tmp_path}/s," in output
    assert f"curl --unix-socket {tmp_path}/s http://localhost/v1" in output
    assert not (tmp_path / "s").exists()  # removed at the end
    assert " listening on http://127.0.0.1:" in await serve_once(["-c", path, "--port", "0"], capsys)


@pytest.mark.parametrize("host", ["", "http://127.0.0.1", "a b"])
def test_a_host_option_that_is_none_is_invalid_usage(host, capsys, write):
    with pytest.raises(SystemExit) as caught:
        main(["serve", "-c", write(routing_yaml()), "--host", host])
    assert caught.value.code == 2
    assert f"the host must be an address or a name, got '{host}'" in capsys.readouterr().err


@unix
def test_a_unix_socket_in_use_is_one_line(capsys, write, tmp_path):
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(f"{tmp_path}/s")
        busy.listen()
        code, output = run_serve(["-c", write(routing_yaml() + f"listen: {{unix: {tmp_path}/s}}\n")], capsys)
    assert (code, output) == (1, f"parrot: cannot listen on {tmp_path}/s: another process is listening on it\n")


SOLO = routing_yaml().replace("{a: m-a, b: m-b, c: m-c}", "{a: m-a}")

signalled = pytest.mark.skipif(sys.platform == "win32", reason="signals end processes there")


@signalled
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_idle_ends_it_with_0(write, number):
    with ServeProcess(write(SOLO)) as process:
        process.send(number)
        assert process.wait() == (0, [])


@signalled
def test_a_signal_makes_it_not_ready_and_streams_in_flight_finish(write):
    with ServeProcess(write(SOLO)) as process:
        process.fail(fault="slow", seconds=0, between=0.2)
        with process.start_stream() as stream:
            process.send(signal.SIGTERM)
            process.wait_until_draining()
            assert stream.read().endswith(b"data: [DONE]\n\n")
        assert process.wait() == (0, ["request_completed"])


@signalled
def test_a_second_signal_ends_it_at_once(write):
    with ServeProcess(write(SOLO)) as process:
        process.fail(fault="stall", after=3)
        with process.start_stream():
            process.send(signal.SIGTERM)
            process.wait_until_draining()
            process.send(signal.SIGTERM)
            code, _ = process.wait()
    assert code == 1


@signalled
def test_sighup_reloads_the_file_and_logs_the_changes_without_secrets(write):
    path = write(SOLO)
    with ServeProcess(path) as process:
        write(SOLO.replace(PROVIDER_KEY, "another-canary", 1).replace("m-a}", "m-z}") + "listen: {port: 1}\n")
        process.send(signal.SIGHUP)
        line = process.next_log_line()
        assert (line["event"], line["generation"]) == ("config_reloaded", 2)
        assert line["changes"] == [
            "providers.a.api_key changed", "models.m.a: m-a -> m-z", "listen added (needs a restart)",
        ]  # fmt: skip
        assert json.load(process.request(process.url, "/v1/chat/completions", ASK))["model"] == "m-z"
        write("providers: [")
        process.send(signal.SIGHUP)
        lines = [process.next_log_line(), process.next_log_line()]
        assert [line["event"] for line in lines] == ["request_completed", "config_reload_failed"]
        assert lines[1]["problems"][0].startswith(f"{path}:2:1: invalid YAML: ")
        assert json.load(process.request(process.url, "/v1/chat/completions", ASK))["model"] == "m-z"


KEY_FILES = [
    (lambda path: None, "cannot read {}: No such file or directory"),
    (lambda path: path.write_text(" \n"), "${{file:{}}} is empty"),
    (lambda path: os.mkfifo(path), "cannot read {}: it is a FIFO, not a regular file"),
]


@signalled
@pytest.mark.parametrize("make, reason", KEY_FILES, ids=["none", "empty", "fifo"])
def test_an_unusable_key_file_disables_only_its_provider(make, reason, write, tmp_path):
    key = tmp_path / "key"
    make(key)
    path = write(routing_yaml().replace(PROVIDER_KEY, f"'${{file:{key}}}'", 1))
    with ServeProcess(path, "--host", "127.0.0.1") as process:
        line = process.next_log_line()
        assert (line["event"], line["provider"], line["reason"]) == ("provider_disabled", "a", reason.format(key))
        health = json.load(process.request(process.url, "/v1/providers/health"))["providers"]
        assert [(each["name"], each["status"]) for each in health[:2]] == [("a", "disabled"), ("b", "healthy")]
        assert health[0]["reason"] == reason.format(key)
        process.send(signal.SIGHUP)
        process.send(signal.SIGTERM)
        assert process.wait() == (0, [])


@signalled
def test_a_key_file_that_becomes_a_fifo_blocks_neither_reload_nor_shutdown(write, tmp_path):
    key = tmp_path / "key"
    key.write_text("sk-1\n")
    with ServeProcess(
        write(routing_yaml().replace(PROVIDER_KEY, f"'${{file:{key}}}'", 1)), "--host", "127.0.0.1"
    ) as process:
        key.unlink()
        os.mkfifo(key)
        process.request(process.admin, "/admin/reload", method="POST").close()
        lines = [process.next_log_line(), process.next_log_line()]
        assert [line["event"] for line in lines] == ["provider_disabled", "config_reloaded"]
        key.unlink()
        key.write_text("sk-2\n")
        process.request(process.admin, "/admin/reload", method="POST").close()
        assert [process.next_log_line()["event"] for _ in range(2)] == ["provider_enabled", "config_reloaded"]
        process.send(signal.SIGTERM)
        assert process.wait() == (0, [])


CRASHING = """
import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crashing:
    salt: str

    def before(self, exchange):
        asyncio.get_running_loop().call_exception_handler({"message": f"a library met {self.salt}"})
        raise RuntimeError(f"{self.salt} and {exchange.request.headers['X-Seen']} are wrong")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_has_no_secret_before_or_after_a_reload(form, write, tmp_path):
    (tmp_path / "crashing.py").write_text(CRASHING)
    crashing = SOLO.replace("[access_log,", "[access_log, {'crashing:Crashing': {salt: '${SALT}'}},")
    salt, old, new = "salt-canary-0123", "sk-canary-0123-old", "sk-canary-0123-new"
    path = write(crashing.replace(PROVIDER_KEY, old))
    lines = []
    environ = {"SALT": salt, "PYTHONPATH": str(tmp_path)}
    with ServeProcess(path, form=form, environ=environ) as process:
        for key in (old, new):
            write(crashing.replace(PROVIDER_KEY, key))
            process.request(process.admin, "/admin/reload", method="POST").close()
            request = UrlRequest(f"{process.url}/v1/models", headers={"X-Seen": f"{old} {new}" if key == new else old})
            with pytest.raises(HTTPError) as caught, urlopen(request, timeout=20):
                pass
            with caught.value as answer:
                assert (answer.code, "canary" in answer.read().decode()) == (500, False)
        process.send(signal.SIGTERM)
        lines = process.process.communicate(timeout=20)[1]
    assert lines.count("RuntimeError: [redacted] and [redacted]") == 2
    assert lines.count("a library met [redacted]") == 2 and "config_reloaded" in lines
    assert "canary" not in lines


@signalled
@pytest.mark.parametrize("form", ["json", "console"])
def test_no_output_in_development_mode_has_a_key_or_a_prompt(form, write):
    """In development mode asyncio reports slow callbacks with their arguments, and Python what was not closed."""
    path = write(SOLO.replace("[access_log,", "[access_log, {auth: {keys: [{name: app, value: app-canary-0123}]}},"))
    environ = {"PYTHONDEVMODE": "1", "HTTPS_PROXY": "http://user:proxy-canary-0123@127.0.0.1:9"}
    prompt = json.dumps({"model": "m", "messages": [{"role": "user", "content": "canary of the prompt"}]}).encode()
    requests = [
        ({"Authorization": "Bearer app-canary-0123"}, "/v1/chat/completions", 200),
        ({"Authorization": "Bearer other-canary-0123"}, "/v1/chat/completions?key=query-canary-0123", 401),
        ({"x-api-key": "app-canary-0123", "User-Agent": "a\x9b2J"}, "/v1/unknown?key=query-canary-0123", 404),
        ({"x-api-key": "app-canary-0123", "X-Provider": "header-canary-0123"}, "/v1/chat/completions", 400),
    ]
    with ServeProcess(path, "--sandbox", form=form, environ=environ) as process:
        for headers, target, status in requests:
            request = UrlRequest(process.url + target, prompt, {"Content-Type": "application/json", **headers})
            try:
                with urlopen(request, timeout=20) as answer:
                    assert answer.status == status
            except HTTPError as error:
                with error:
                    assert error.code == status
        with socket.create_connection(process.url.removeprefix("http://").split(":"), timeout=20) as junk:
            junk.sendall(b"Authorization: Bearer junk-canary-0123\r\n\r\n")
            assert b"canary" not in junk.recv(65536)
        for target in ("/metrics", "/admin/config", "/readyz"):
            with process.request(process.admin, target) as answer:
                assert b"canary" not in answer.read()
        process.send(signal.SIGHUP)
        process.send(signal.SIGTERM)
        output = "".join(process.process.communicate(timeout=20))
    assert output.count("request_completed") == len(requests) and output.count("request_refused") == 1
    assert "canary" not in output and all(line.isprintable() for line in output.splitlines())
    assert "a\\udc9b2J" in output.replace("\\\\", "\\")
