"""The pipeline of a file runs in the file's order, and every mistake in it has a line, a column and a path."""

from __future__ import annotations

from math import inf
from typing import Any

import orjson
import pytest

from proxy.config.document import ConfigError
from proxy.errors import UpstreamTimeout
from proxy.exchange import Exchange
from proxy.memory_account import Load
from proxy.middleware.limits import Limits
from tests.fakes import (
    CALLER_KEY,
    CANARIES,
    FOREVER,
    PIPELINE,
    MemoryLog,
    chunk_event,
    exchange,
    generation,
    request,
    routing_yaml,
    run_request,
    settle,
    start_request,
)

CUSTOM = "tests.test_custom_middleware"
ORDER = "access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate"


def problems(pipeline: str, tail: str = "") -> list[str]:
    """Return the lines that the file of a pipeline is refused with."""
    with pytest.raises(ConfigError) as caught:
        generation(routing_yaml(pipeline) + tail)
    return str(caught.value).splitlines()


def standard(**changes: str) -> str:
    """Return the standard pipeline with other entries in some places."""
    return "[" + ", ".join(changes.get(name, name) for name in PIPELINE.strip("[]").split(", ")) + "]"


@pytest.mark.parametrize(
    ("pipeline", "lines"),
    [
        (standard(limits="limitz"),
         ["2:39: pipeline[2]: no middleware 'limitz'; did you mean 'limits'?; your own is package.module:Name"]),
        (PIPELINE.replace("failover, translate", "translate, failover"),
         [f"2:85: pipeline[6]: 'failover' must stand before 'translate'; the order is {ORDER}"]),
        (PIPELINE.replace("[access_log, ", "[access_log, access_log, "),
         [f"2:24: pipeline[1]: 'access_log' stands twice; the order is {ORDER}"]),
        (standard(strategy="{strategy: off}"),
         ["2:48: pipeline[3].strategy: 'strategy' cannot be turned off; these can: access_log, limits, sse_passthrough"]),
        (standard(access_log="{access_log: off}, {auth: off}"),
         ["2:32: pipeline[1].auth: 'auth' cannot be turned off; these can: access_log, limits, sse_passthrough"]),
        (standard(limits="{limits: on}"), ["2:48: pipeline[2].limits: expected a mapping, got 'on'"]),
        (standard(failover="{failover: {max_retriez: 3}}"),
         ["2:86: pipeline[5].failover.max_retriez: unknown key; did you mean 'max_retries'?"]),
        (standard(failover="{failover: {max_retries: many}}"),
         ["2:99: pipeline[5].failover.max_retries: expected a whole number, got text"]),
        (standard(failover="{failover: {max_retries: 11}}"),
         ["2:99: pipeline[5].failover.max_retries: must be at most 10, got '11'"]),
        (standard(failover="{failover: 3}"), ["2:85: pipeline[5].failover: expected a mapping, got '3'"]),
        (standard(strategy="{strategy: {default: best}}"),
         ["2:68: pipeline[3].strategy.default: expected one of automatic, geographic, cost-optimized, performance, round-robin, weighted, least-busy"]),
        (standard(limits="{limits: {max_body: much}}"),
         ["2:59: pipeline[2].limits.max_body: expected a size such as 64KiB or 32MiB, got text"]),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_place_and_what_is_expected(pipeline: str, lines: list[str]) -> None:
    assert problems(pipeline) == [f"routing.yaml:{line}" for line in lines]


def test_the_place_is_that_of_the_entry() -> None:
    lines = "\n" + "\n".join(f"  - {name}" for name in PIPELINE.strip("[]").split(", "))
    [unknown] = problems(lines.replace("- limits", "- limitz"))
    assert unknown.startswith("routing.yaml:5:5: pipeline[2]: no middleware 'limitz'")


def test_all_mistakes_are_reported_at_once() -> None:
    found = problems("[nonsense, {failover: {max_retries: x}}, {strategy: {default: best}}]", "extra: 1\n")
    assert [line.split(": ")[1] for line in found] == [
        "pipeline[0]",
        "pipeline[1].failover.max_retries",
        "pipeline[2].strategy",
        "pipeline[2].strategy.default",
        "extra",
    ]


def test_a_key_without_its_variable_is_a_mistake_in_the_file() -> None:
    [line] = problems(standard(access_log="{auth: {keys: [{name: app, value: '${PARROT_KEY}'}]}}"))
    assert line.endswith(": pipeline[0].auth.keys[0]: a caller's key must have a value: PARROT_KEY is not set")


BODY_OF_A_STREAM = {"model": "m", "stream": True, "messages": [{"role": "user", "content": CANARIES[0]}]}
STREAM = orjson.dumps(BODY_OF_A_STREAM)


def one_request(rows: list[Any], raw: bytes = b"", log: MemoryLog | None = None) -> Exchange:
    """Return a request for the providers a, b and c, in this order, which answer with these rows."""
    one = exchange(
        request({"X-Provider-Fallbacks": "a,b,c", "Authorization": f"Bearer {CALLER_KEY}"}), log=log, raw=raw
    )
    one.runtime.transport.rows[:] = rows
    return one


async def test_a_stream_passes_the_whole_pipeline() -> None:
    log = MemoryLog()
    one = one_request([504, [chunk_event(CANARIES[3]), chunk_event(finish="stop")]], STREAM, log)
    client = await run_request(one)
    assert one.runtime.transport.tried == "ab"
    assert client.body.endswith(b"data: [DONE]\n\n")
    assert log.lines[0]["attempts"] == ["a@us/m-a: timeout", "b@us/m-b: ok"]
    assert not [canary for canary in CANARIES if canary in log.text]
    assert client.headers["X-Provider"] == "b"


async def test_a_failed_request_releases_everything() -> None:
    one = one_request([504, 502, 504, 503, 500, 500])
    client = await run_request(one)
    assert (client.status, client.error["code"]) == (502, "all_providers_failed")
    assert one.runtime.load == Load()


async def test_a_cancelled_request_is_logged_and_releases_everything() -> None:
    log = MemoryLog()
    one = one_request([UpstreamTimeout("no"), FOREVER], log=log)
    client = start_request(one)
    await settle()
    client.disconnect()
    assert one.runtime.load == Load()
    assert log.lines[0]["outcome"] == "client_disconnected"
    assert [each.split(": ")[1] for each in log.lines[0]["attempts"]] == ["upstream_timeout", "cancelled"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (PIPELINE, ["AccessLog", "Auth", "HeaderPolicy"]),
        (PIPELINE.replace("access_log, ", ""), ["Auth", "HeaderPolicy", "Limits"]),
        (PIPELINE.replace("[", f'["{CUSTOM}:Mark", '), ["Auth", "Mark", "AccessLog"]),
        (PIPELINE.replace("access_log, ", f'access_log, "{CUSTOM}:Mark", '), ["AccessLog", "Auth", "Mark"]),
    ],
)
def test_without_auth_its_checks_come_before_everything_but_the_log(given: str, names: list[str]) -> None:
    middlewares = [type(each).__name__ for each in generation(routing_yaml(given)).pipeline.middlewares]
    assert middlewares[:3] == names
    assert middlewares.count("Auth") == 1


ALL = ["AccessLog", "Auth", "HeaderPolicy", "Limits", "RoutingMiddleware", "SsePassthrough", "Failover"]


def names(file: str) -> list[str]:
    """Return the classes of the middlewares that a file runs once per request, outermost first."""
    return [type(each).__name__ for each in generation(file).pipeline.middlewares]


def test_without_a_pipeline_the_default_one_runs() -> None:
    file = routing_yaml().replace(f"pipeline: {PIPELINE}\n", "")
    assert "pipeline" not in file
    built = generation(file).pipeline
    assert [type(each).__name__ for each in built.middlewares] == ALL
    assert [type(each).__name__ for each in built.attempt_middlewares] == ["Translate"]
    assert names(routing_yaml("")) == ALL


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ("[]", ALL[1:]),
        ("[access_log]", ALL),
        ("[{failover: {max_retries: 1}}]", ALL[1:]),
        ("[{access_log: off}, auth]", ALL[1:]),
        ("[{access_log: null}, {limits: }]", ALL),
        ("[translate]", ALL[1:]),
        (f'[access_log, strategy, "{CUSTOM}:Mark", failover]',
         ["AccessLog", "Auth", "HeaderPolicy", "Limits", "RoutingMiddleware", "Mark", "SsePassthrough", "Failover"]),
        (f'[header_policy, "{CUSTOM}:Mark", strategy]',
         ["Auth", "HeaderPolicy", "Mark", "Limits", "RoutingMiddleware", "SsePassthrough", "Failover"]),
        (f'[auth, "{CUSTOM}:Mark"]', ["Auth", "Mark", *ALL[2:]]),
    ],
)  # fmt: skip
def test_what_a_pipeline_needs_is_added_at_its_rank(pipeline: str, expected: list[str]) -> None:
    assert names(routing_yaml(pipeline)) == expected
    attempt = [type(each).__name__ for each in generation(routing_yaml(pipeline)).pipeline.attempt_middlewares]
    assert attempt == ["Translate"]


def test_what_runs_per_attempt_stays_behind_failover() -> None:
    built = generation(routing_yaml(f'[failover, "{CUSTOM}:MarkAttempt"]')).pipeline
    assert [type(each).__name__ for each in built.attempt_middlewares] == ["MarkAttempt", "Translate"]
    built = generation(routing_yaml(f'[translate, "{CUSTOM}:MarkAttempt"]')).pipeline
    assert [type(each).__name__ for each in built.attempt_middlewares] == ["Translate", "MarkAttempt"]


async def test_without_its_log_limits_and_pings_a_request_is_served() -> None:
    log = MemoryLog()
    one = one_request([[chunk_event("Hi"), chunk_event(finish="stop")]], STREAM, log)
    built = generation(routing_yaml("[{access_log: off}, {limits: off}, {sse_passthrough: off}]"))
    client = await run_request(one, built.pipeline)
    assert client.body.endswith(b"data: [DONE]\n\n") and log.lines == []


def test_limits_that_are_off_refuse_nothing_and_a_quiet_stream_has_no_pings() -> None:
    built = generation(routing_yaml("[{limits: off}, {sse_passthrough: off}]")).pipeline
    limits = built.find(Limits)
    assert min(limits.max_inflight, limits.body_limit, limits.buffer_limit, limits.max_values) > 2**60
    assert built.stream_options.ping == inf and built.stream_options.early_commit == inf
