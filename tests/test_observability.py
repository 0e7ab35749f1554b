"""The examples of the health API work, metrics and log events are documented, and every query uses metrics that exist."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client import ProcessCollector

from proxy.telemetry.prometheus import STATUSES, ConfigMetrics, MetricsSnapshot, families
from proxy.telemetry.request_counters import RequestCounters
from tests.running import HELLO, TWO_PROVIDERS, run_sidecar
from tests.source import sources

ROOT = Path(__file__).parent.parent
HEALTH_PAGE = (ROOT / "docs/reference/provider-health.md").read_text()
METRICS_PAGE = (ROOT / "docs/reference/metrics.md").read_text()
EVENTS_PAGE = (ROOT / "docs/reference/log-events.md").read_text()
KEYED = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: your-key}]}},")
LABELS = {"gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"}
BLOCKS = re.findall(r"```python\n(.*?)```", HEALTH_PAGE, re.DOTALL)


def metrics() -> dict[str, str]:
    """Every name that a query may use -> its type."""
    nothing = MetricsSnapshot({}, RequestCounters(), {}, ConfigMetrics("1", 1, "x", True), 0, 0, 0)
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    every = [*families(nothing), *ProcessCollector(registry=None).collect()]
    return {family.name + end: family.type for family in every for end in endings.get(family.type, ("",))}


def queries() -> Iterator[str]:
    for group in yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    board = json.loads((ROOT / "deploy/grafana.json").read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    yield from (each["query"] for each in board["templating"]["list"] if each["type"] == "query")


@pytest.mark.parametrize("query", list(queries()))
def test_every_metric_of_a_query_is_there_and_is_used_as_what_it_is(query: str) -> None:
    known = metrics()
    named = set(re.findall(r"\b(?:parrot|gen_ai|process)_\w+", query)) - LABELS
    assert named and named <= known.keys()
    for name in re.findall(r"(?:rate|increase)\((\w+)", query):
        assert known[name] in ("counter", "histogram")
    for status in re.findall(r'status=~?"([a-z|]+)"', query):
        assert set(status.split("|")) <= set(STATUSES)


def test_every_metric_is_documented() -> None:
    missing = [name for name in metrics() if f"`{_family(name)}`" not in METRICS_PAGE]
    assert [name for name in missing if not name.startswith("process_")] == []


LOGGING_CALLS = {"debug", "info", "warning", "error", "write", "run_in_background"}
LOGGED_OTHERWISE = {"sidecar_overloaded", "egress_failed", "log_lines_dropped"}
"""By the code of their error, and by the writer of lines itself."""


def logged_events() -> set[str]:
    """Return the events that the code logs, which are the only texts in snake case in these calls."""
    nodes = (node for text in sources().values() for node in ast.walk(ast.parse(text)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    logging = [each for each in calls if ast.unparse(each.func).rpartition(".")[2] in LOGGING_CALLS]
    texts = {each.value for call in logging for each in call.args if isinstance(each, ast.Constant)}
    return {each for each in texts if isinstance(each, str) and re.fullmatch("[a-z]+(?:_[a-z]+)+", each)}


def test_every_log_event_is_documented_and_no_other() -> None:
    table = EVENTS_PAGE.partition("\n## ")[0]
    documented = {
        name for row in re.findall(r"^\| (`[^|]+)\|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert logged_events() | LOGGED_OTHERWISE == documented


def _family(name: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", name)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_a_snippet_runs_as_it_stands(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    async with run_sidecar(KEYED) as started:
        async with started.client(default_headers={"Authorization": "Bearer your-key"}) as client:
            await client.chat.completions.create(model="m", messages=HELLO)
        address = started.url.removeprefix("http://")
        snippet = BLOCKS[number].replace("127.0.0.1:8090", address)
        run = asyncio.create_task(asyncio.to_thread(exec, compile(snippet, "snippet", "exec"), {}))
        if "websocket" in snippet:
            await _follow(started)
        await run
    said = capsys.readouterr().out
    assert "first" in said and "healthy" in said


async def _follow(started: Any) -> None:
    """Lets it hear of a change, and that it is over."""
    runtime = started.sidecar.handler.runtime
    while not len(runtime.telemetry.feed):
        await asyncio.sleep(0.001)
    now = runtime.clock()
    for _ in range(20):
        runtime.telemetry.observations.start_attempt("first@global/m-one", now).record_failure(
            "server_error", now, fault=True
        )
    runtime.telemetry.feed.wakeup.set()
    while not any(line["event"] == "provider_status_changed" for line in started.log.lines):
        await asyncio.sleep(0.001)
    runtime.telemetry.feed.close()


async def test_the_documented_curl_command_reads_the_stream() -> None:
    path = re.search(r"http://127.0.0.1:8090(/\S+stream)`", HEALTH_PAGE)
    assert path is not None
    headers = {"Accept": "text/event-stream"}
    async with (
        run_sidecar() as started,
        aiohttp.ClientSession() as http,
        http.get(started.url + path[1], headers=headers) as got,
    ):
        assert await got.content.readline() == b"event: snapshot\r\n"
