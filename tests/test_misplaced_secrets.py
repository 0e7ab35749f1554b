"""A key in the wrong place of routing.yaml is never shown: not by the CLI, the log or the admin listener."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.cli import main
from proxy.cli.logs import build_logger
from proxy.exchange import Exchange
from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

KEY = "sk-canary/planted+0123="
KEYS = (KEY, "CanaryPlanted0123", "canary-planted", "two canary words")
MARK = "anary"
PIPELINE = "pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]"
FIRST = '  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}'


def first(members: str) -> str:
    """Return the file with other keys of its first provider."""
    assert FIRST in TWO_PROVIDERS
    return TWO_PROVIDERS.replace(FIRST, f"  first: {{{members}}}")


def with_pipeline(entries: str) -> str:
    """Return the file with another pipeline."""
    assert PIPELINE in TWO_PROVIDERS
    return TWO_PROVIDERS.replace(
        PIPELINE, f"pipeline: [access_log, {entries}, strategy, sse_passthrough, failover, translate]"
    )


HERE = 'dialect: openai, base_url: "http://127.0.0.1:1/v1"'
REST = "header_policy, limits"
FILES = {
    "a port": TWO_PROVIDERS + "listen: {port: 'KEY'}\n",
    "an unknown section": TWO_PROVIDERS + "'KEY': 1\n",
    "a duration": TWO_PROVIDERS + "drain: {timeout: 'KEY'}\n",
    "a section": TWO_PROVIDERS + "drain: 'KEY'\n",
    "the admin key in a list": TWO_PROVIDERS + "admin: {key: ['KEY']}\n",
    "the admin port": TWO_PROVIDERS + "admin: {port: 'KEY', key: 'KEY'}\n",
    "a key in a mapping": first(f"{HERE}, api_key: {{'KEY': x}}"),
    "a list of one key": first(f"{HERE}, api_key: ['KEY']"),
    "an unknown member of a key": first(f"{HERE}, api_key: [{{value: x, 'KEY': x}}, y]"),
    "an invalid key of a list": first(f"{HERE}, api_key: [x, 'KEY \u00e9']"),
    "an invalid account": first(f"{HERE}, api_key: [x, {{value: y, account: 'KEY \u00e9'}}]"),
    "an invalid key": first(f"{HERE}, api_key: 'KEY \u00e9'"),
    "a weight": first(f"{HERE}, weight: 'KEY'"),
    "the auth header": first(f"{HERE}, auth: 'KEY'"),
    "a dialect": first("dialect: 'KEY', base_url: http://x"),
    "a URL": first("dialect: openai, base_url: 'KEY'"),
    "a URL's password": first("dialect: openai, base_url: 'https://u:planted-canary@host/v1'"),
    "headers": first(f"{HERE}, headers: 'KEY'"),
    "headers in a list": first(f"{HERE}, headers: ['Authorization: KEY']"),
    "a header in a list": first(f"{HERE}, headers: {{authorization: ['KEY']}}"),
    "an unknown key": first(f"{HERE}, 'KEY': x"),
    "a limit": first(f"{HERE}, limits: {{concurrency: 'KEY'}}"),
    "a provider": first("dialect: openai").replace("{dialect: openai}", "'KEY'"),
    "a capability": TWO_PROVIDERS.replace("m-one", "{model: x, unsupported: ['KEY']}"),
    "a middleware": with_pipeline(f"'KEY', {REST}"),
    "a middleware with options": with_pipeline(f"{{'KEY': {{a: b}}}}, {REST}"),
    "keys": with_pipeline(f"{{auth: {{keys: 'KEY'}}}}, {REST}"),
    "a key of callers": with_pipeline(f"{{auth: {{keys: ['KEY']}}}}, {REST}"),
    "a key without a name": with_pipeline(f"{{auth: {{keys: [{{value: 'KEY'}}]}}}}, {REST}"),
    "a key's name": with_pipeline(f"{{auth: {{keys: [{{name: 'KEY=', value: 'KEY'}}]}}}}, {REST}"),
    "origins": with_pipeline(f"{{auth: {{origins: 'KEY'}}}}, {REST}"),
    "a size": with_pipeline("header_policy, {limits: {max_body: 'KEY'}}"),
    "a strategy": TWO_PROVIDERS.replace("strategy,", "{strategy: {default: 'KEY'}},"),
    "retries": TWO_PROVIDERS.replace("failover,", "{failover: {max_retries: 'KEY'}},"),
    "an option of a custom middleware": with_pipeline(
        f"{{'tests.test_misplaced_secrets:Picky': {{salt: 'KEY'}}}}, {REST}"
    ),
    "a file": first(f"{HERE}, headers: {{x-a: '${{file:planted-canary}}'}}"),
    "an alias": TWO_PROVIDERS + "drain: *planted-canary\n",
    "a tag": TWO_PROVIDERS + "drain: !<planted-canary x\n",
    "a quotation": TWO_PROVIDERS + "drain: 'planted-canary\n",
}


@dataclass(frozen=True, slots=True)
class Picky:
    """A custom middleware whose error quotes its option, if that came from a variable."""

    salt: str = ""

    def __post_init__(self) -> None:
        raise ValueError(f"salt: {self.salt if 'variable' in self.salt else 'not this one'}")

    def before(self, exchange: Exchange) -> None:
        """Do nothing."""


def run_commands(name: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path = tmp_path / "routing.yaml"
    path.write_text(FILES[name].replace("KEY", key))
    for command in (["check", str(path)], ["serve", "-c", str(path)], ["explain", "-c", str(path), "--model", "m"]):
        assert main(command) == 2
    output = capsys.readouterr()
    return output.out + output.err


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", FILES)
def test_no_command_shows_a_misplaced_key(
    name: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run_commands(name, key, tmp_path, capsys)
    assert "problem" in shown and MARK not in shown


@pytest.mark.parametrize("name", FILES)
async def test_no_failed_reload_shows_a_misplaced_key(name: str, two_providers: RunningSidecar) -> None:
    two_providers.path.write_text(FILES[name].replace("KEY", KEY))
    status, body = await two_providers.admin("POST", "/admin/reload")
    assert status == 422 and body["problems"] and MARK not in str(body)
    for path in ("/admin/config", "/readyz"):
        status, body = await two_providers.admin("GET", path)
        assert status == 200 and MARK not in str(body)
    assert two_providers.events == ["config_reload_failed"] and MARK not in str(two_providers.log.lines)


@pytest.mark.parametrize(
    "member", ["weight", "dialect", "auth", "base_url", "limits", "timeouts", "probe", "headers", "regions"]
)
async def test_no_failed_reload_shows_the_value_of_a_variable(member: str, tmp_path: Path) -> None:
    valid = {"dialect": "openai", "base_url": "http://127.0.0.1:1/v1"}
    members = ", ".join(f"{name}: '{value}'" for name, value in {**valid, member: "a-${PLANTED}"}.items())
    async with run_sidecar(environ={"PLANTED": KEY}) as started:
        started.path.write_text(first(members))
        status, body = await started.admin("POST", "/admin/reload")
        assert status == 422 and MARK not in str(body) + str(started.log.lines)


async def test_a_variable_quoted_by_a_custom_middleware_is_redacted() -> None:
    async with run_sidecar(environ={"PLANTED": f"variable-{KEY}"}) as started:
        entry = "{'tests.test_misplaced_secrets:Picky': {salt: '${PLANTED}'}}"
        started.path.write_text(with_pipeline(f"{entry}, {REST}"))
        status, body = await started.admin("POST", "/admin/reload")
        assert status == 422 and "salt: [redacted]" in str(body) and MARK not in str(body)


async def test_a_reload_reports_a_changed_secret_without_its_value() -> None:
    valid = f"{HERE}, api_key: KEY1, headers: {{x-a: KEY1}}, query: {{code: KEY1}}, path: /KEY1"
    async with run_sidecar(first(valid.replace("KEY1", "sk-canary-1"))) as started:
        started.path.write_text(first(valid.replace("KEY1", "sk-canary-2")))
        status, body = await started.admin("POST", "/admin/reload")
        assert status == 200 and len(body["changes"]) == 4
        assert MARK not in str(body) + str(started.log.lines)


def test_a_secret_reaches_the_redactor_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    written: list[bytes] = []

    def redact(line: bytes) -> bytes:
        written.append(line)
        return b"nothing"

    log: Any = build_logger("json", redact=redact)
    log.info("event", what=KEY)
    assert KEY.encode() in written[0] and KEY not in capsys.readouterr().err
