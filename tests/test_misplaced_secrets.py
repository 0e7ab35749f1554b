"""A key that stands in the wrong place of a file is shown nowhere: not by the CLI, the log, or the admin listener."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.cli import main
from proxy.cli.logs import build_logger
from proxy.exchange import Exchange, Handler
from proxy.messages import Response
from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

KEY = "sk-canary/planted+0123="
KEYS = (KEY, "CanaryPlanted0123", "canary-planted", "two canary words")
MARK = "anary"
PIPELINE = "pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]"
FIRST = '  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}'


def first(members: str) -> str:
    """The file with other members of its first provider."""
    assert FIRST in TWO_PROVIDERS
    return TWO_PROVIDERS.replace(FIRST, f"  first: {{{members}}}")


def piped(entries: str) -> str:
    """The file with another pipeline."""
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
    "a key with a mistake": first(f"{HERE}, api_key: 'KEY \u00e9'"),
    "a weight": first(f"{HERE}, weight: 'KEY'"),
    "how the key travels": first(f"{HERE}, auth: 'KEY'"),
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
    "a middleware": piped(f"'KEY', {REST}"),
    "a middleware with options": piped(f"{{'KEY': {{a: b}}}}, {REST}"),
    "keys": piped(f"{{auth: {{keys: 'KEY'}}}}, {REST}"),
    "a key of callers": piped(f"{{auth: {{keys: ['KEY']}}}}, {REST}"),
    "a key without name": piped(f"{{auth: {{keys: [{{value: 'KEY'}}]}}}}, {REST}"),
    "a key's name": piped(f"{{auth: {{keys: [{{name: 'KEY=', value: 'KEY'}}]}}}}, {REST}"),
    "origins": piped(f"{{auth: {{origins: 'KEY'}}}}, {REST}"),
    "a size": piped("header_policy, {limits: {max_body: 'KEY'}}"),
    "a strategy": TWO_PROVIDERS.replace("strategy,", "{strategy: {default: 'KEY'}},"),
    "retries": TWO_PROVIDERS.replace("failover,", "{failover: {max_retries: 'KEY'}},"),
    "an option of one's own": piped(f"{{'tests.test_misplaced_secrets:Picky': {{salt: 'KEY'}}}}, {REST}"),
    "a file": first(f"{HERE}, headers: {{x-a: '${{file:planted-canary}}'}}"),
    "an alias": TWO_PROVIDERS + "drain: *planted-canary\n",
    "a tag": TWO_PROVIDERS + "drain: !<planted-canary x\n",
    "a quotation": TWO_PROVIDERS + "drain: 'planted-canary\n",
}


@dataclass(frozen=True, slots=True)
class Picky:
    """A middleware of a user's own that says nothing but quotes what it refuses, where that came from a variable."""

    salt: str = ""

    def __post_init__(self) -> None:
        raise ValueError(f"salt: {self.salt if 'variable' in self.salt else 'not this one'}")

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        return await handler(exchange)


def check_mistakes(name: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path = tmp_path / "routing.yaml"
    path.write_text(FILES[name].replace("KEY", key))
    for command in (["check", str(path)], ["serve", "-c", str(path)], ["explain", "-c", str(path), "--model", "m"]):
        assert main(command) == 2
    said = capsys.readouterr()
    return said.out + said.err


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", FILES)
def test_no_command_shows_it(name: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = check_mistakes(name, key, tmp_path, capsys)
    assert "problem" in shown and MARK not in shown


@pytest.mark.parametrize("name", FILES)
async def test_no_refused_reload_shows_it(name: str, two_providers: RunningSidecar) -> None:
    two_providers.path.write_text(FILES[name].replace("KEY", KEY))
    status, said = await two_providers.admin("POST", "/admin/reload")
    assert status == 422 and said["problems"] and MARK not in str(said)
    for path in ("/admin/config", "/readyz"):
        status, said = await two_providers.admin("GET", path)
        assert status == 200 and MARK not in str(said)
    assert two_providers.events == ["config_reload_failed"] and MARK not in str(two_providers.log.lines)


@pytest.mark.parametrize(
    "member", ["weight", "dialect", "auth", "base_url", "limits", "timeouts", "probe", "headers", "regions"]
)
async def test_what_a_variable_stands_for_is_not_shown_either(member: str, tmp_path: Path) -> None:
    fine = {"dialect": "openai", "base_url": "http://127.0.0.1:1/v1"}
    members = ", ".join(f"{name}: '{value}'" for name, value in {**fine, member: "a-${PLANTED}"}.items())
    async with run_sidecar(environ={"PLANTED": KEY}) as started:
        started.path.write_text(first(members))
        status, said = await started.admin("POST", "/admin/reload")
        assert status == 422 and MARK not in str(said) + str(started.log.lines)


async def test_what_a_middleware_of_ones_own_quotes_of_a_variable_is_not_shown() -> None:
    async with run_sidecar(environ={"PLANTED": f"variable-{KEY}"}) as started:
        entry = "{'tests.test_misplaced_secrets:Picky': {salt: '${PLANTED}'}}"
        started.path.write_text(piped(f"{entry}, {REST}"))
        status, said = await started.admin("POST", "/admin/reload")
        assert status == 422 and "salt: [redacted]" in str(said) and MARK not in str(said)


async def test_an_applied_reload_shows_that_a_secret_changed_and_not_what_it_is() -> None:
    fine = f"{HERE}, api_key: KEY1, headers: {{x-a: KEY1}}, query: {{code: KEY1}}, path: /KEY1"
    async with run_sidecar(first(fine.replace("KEY1", "sk-canary-1"))) as started:
        started.path.write_text(first(fine.replace("KEY1", "sk-canary-2")))
        status, said = await started.admin("POST", "/admin/reload")
        assert status == 200 and len(said["changes"]) == 4
        assert MARK not in str(said) + str(started.log.lines)


def test_the_lines_of_the_log_are_searched_too(capsys: pytest.CaptureFixture[str]) -> None:
    written: list[bytes] = []

    def redact(line: bytes) -> bytes:
        written.append(line)
        return b"nothing"

    log: Any = build_logger("json", redact=redact)
    log.info("said", what=KEY)
    assert KEY.encode() in written[0] and KEY not in capsys.readouterr().err
