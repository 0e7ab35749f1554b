"""A background task that fails is logged under an event of its own."""

from __future__ import annotations

import ast
import asyncio
import re
from collections import Counter

from proxy.background import run_in_background
from tests.fakes import MemoryLog, settle
from tests.source import sources


async def test_a_failure_is_logged_at_once_with_its_fields() -> None:
    async def fail() -> None:
        raise KeyError("a bug")

    log = MemoryLog()
    run_in_background(fail(), log.logger, "probe_task_failed", provider="a")
    await settle()
    [line] = log.lines
    assert (line["event"], line["level"], line["provider"]) == ("probe_task_failed", "error", "a")
    assert "KeyError: 'a bug'" in line["exception"]


async def test_neither_a_result_nor_a_cancellation_is_logged() -> None:
    log = MemoryLog()
    ended = run_in_background(asyncio.sleep(0), log.logger, "x")
    cancelled = run_in_background(asyncio.sleep(60), log.logger, "x")
    cancelled.cancel()
    await settle()
    assert ended.done() and cancelled.cancelled() and log.lines == []


def test_no_two_background_tasks_share_an_event() -> None:
    calls = [node for text in sources().values() for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    started = [node for node in calls if ast.unparse(node.func) == "run_in_background"]
    events = [each.value for node in started for each in node.args if isinstance(each, ast.Constant)]
    assert len(events) == len(started) >= 5 and max(Counter(events).values()) == 1


def test_no_other_task_runs_in_the_background() -> None:
    starting = {path for path, text in sources().items() if re.search(r"create_task\(|ensure_future\(", text)}
    assert starting == {  # all but the first await or cancel what they start, and take its exceptions
        "proxy/background.py", "proxy/cli/compare/runner.py", "proxy/control/stream.py", "proxy/downstream/client_connection.py",
        "proxy/file_fetches.py", "proxy/lifecycle.py",
        "proxy/upstream/call.py", "proxy/upstream/http1/resolver.py", "proxy/upstream/http1/transport.py",
    }  # fmt: skip
