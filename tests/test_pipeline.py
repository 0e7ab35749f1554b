"""The pipeline of a file runs in the file's order, and whatever is wrong with it has a line, a column and a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import orjson
import pytest

from proxy.config.document import ConfigError
from proxy.errors import AllProvidersFailedError
from proxy.exchange import Attempt, Exchange
from proxy.messages import Response
from tests.fakes import (
    CALLER_KEY,
    CANARIES,
    FOREVER,
    PIPELINE,
    MemoryLog,
    ScriptedHandler,
    chunk_event,
    drain,
    exchange,
    generation,
    request,
    routing_yaml,
    stream_response,
)

ORDER = "access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate"
HERE = "tests.test_pipeline"


@dataclass(frozen=True, slots=True)
class Mark:
    """A middleware of a user's own."""

    label: str = "mark"
    times: int = 1
    seen: ClassVar[list[tuple[str, type]]] = []

    async def __call__(self, subject, handler):
        self.seen.extend([(self.label, type(subject))] * self.times)
        response = await handler(subject)
        response.headers["X-Mark"] = self.label
        return response


@dataclass(frozen=True, slots=True)
class Mute:
    """A dataclass that cannot be called."""


@dataclass
class Lost:
    """A middleware with an option of a type that is nowhere."""

    option: Nowhere = None  # noqa: F821

    async def __call__(self, subject, handler):
        return await handler(subject)


class Plain:
    """Callable, but no dataclass."""

    async def __call__(self, subject, handler):
        return await handler(subject)


function = Mark.__call__


@pytest.fixture
def seen():
    Mark.seen.clear()
    yield Mark.seen
    Mark.seen.clear()


def problems(pipeline, tail=""):
    with pytest.raises(ConfigError) as caught:
        generation(routing_yaml(pipeline) + tail)
    return str(caught.value).splitlines()


def standard(**changes):
    return "[" + ", ".join(changes.get(name, name) for name in PIPELINE.strip("[]").split(", ")) + "]"


@pytest.mark.parametrize(
    "pipeline, said",
    [
        (standard(limits="limitz"),
         [f"2:11: pipeline: 'limits' is missing; the order is {ORDER}",
          "2:39: pipeline[2]: no middleware 'limitz'; did you mean 'limits'?; your own is package.module:Name"]),
        (PIPELINE.replace("failover, translate", "translate, failover"),
         [f"2:85: pipeline[6]: 'failover' must stand before 'translate'; the order is {ORDER}"]),
        (PIPELINE.replace("[access_log, ", "[access_log, access_log, "),
         [f"2:24: pipeline[1]: 'access_log' stands twice; the order is {ORDER}"]),
        (PIPELINE.replace(", translate", ""), [f"2:11: pipeline: 'translate' is missing; the order is {ORDER}"]),
        (standard(failover="{failover: {max_retriez: 3}}"),
         ["2:86: pipeline[5].failover.max_retriez: unknown key; did you mean 'max_retries'?"]),
        (standard(failover="{failover: {max_retries: many}}"),
         ["2:99: pipeline[5].failover.max_retries: expected a whole number, got text"]),
        (standard(failover="{failover: {max_retries: 11}}"),
         ["2:99: pipeline[5].failover.max_retries: must be at most 10, got '11'"]),
        (standard(failover="{failover: 3}"), ["2:85: pipeline[5].failover: expected a mapping, got '3'"]),
        (standard(strategy="{strategy: {default: best}}"),
         ["2:58: pipeline[3].strategy: default: expected one of automatic, geographic, cost-optimized, performance, round-robin, weighted, least-busy"]),
        (standard(limits="{limits: {max_body: much}}"),
         ["2:59: pipeline[2].limits.max_body: expected a size such as 64KiB or 32MiB, got text"]),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_a_way_out(pipeline, said):
    assert problems(pipeline) == [f"routing.yaml:{line}" for line in said]


def test_the_place_is_the_entrys_own():
    lines = "\n" + "\n".join(f"  - {name}" for name in PIPELINE.strip("[]").split(", "))
    [missing, unknown] = problems(lines.replace("- limits", "- limitz"))
    assert missing.startswith("routing.yaml:3:3: pipeline: 'limits' is missing")
    assert unknown.startswith("routing.yaml:5:5: pipeline[2]: no middleware 'limitz'")


def test_all_mistakes_are_said_at_once():
    found = problems("[nonsense, {failover: {max_retries: x}}]", "extra: 1\n")
    assert len([line for line in found if "is missing" in line]) == 5
    assert len([line for line in found if "nonsense" in line or "max_retries" in line or "extra" in line]) == 3


def test_a_key_without_its_variable_is_a_mistake_in_the_file():
    [line] = problems(standard(access_log="{auth: {keys: [{name: app, value: '${PARROT_KEY}'}]}}"))
    assert line.endswith(": pipeline[0].auth.keys[0]: a caller's key must have a value: PARROT_KEY is not set")


@pytest.mark.parametrize(
    "name, said",
    [
        ("no.such.module:Mark", "cannot load 'no.such.module:Mark': No module named 'no'"),
        (f"{HERE}:Nobody", f"cannot load '{HERE}:Nobody': module '{HERE}' has no attribute 'Nobody'"),
        (f"{HERE}:Mute", "must be a dataclass with __call__(exchange, handler)"),
        (f"{HERE}:Plain", "must be a dataclass with __call__(exchange, handler)"),
        (f"{HERE}:function", "must be a dataclass with __call__(exchange, handler)"),
        (f"{HERE}:HERE", "must be a dataclass with __call__(exchange, handler)"),
        (f"{HERE}:Lost", "name 'Nowhere' is not defined"),
        (f"{HERE}.Mark", "your own is package.module:Name"),
        (":Mark", "your own is package.module:Name"),
        (".relative:Mark", "your own is package.module:Name"),
    ],
)
def test_ones_own_middleware_that_cannot_be_had_is_a_line_with_its_place(name, said):
    [line] = problems(PIPELINE.replace("[", f'["{name}", '))
    assert line.startswith("routing.yaml:2:12: pipeline[0]: ")
    assert said in line


def test_a_module_that_is_no_python_is_a_line_with_its_place(tmp_path, monkeypatch):
    (tmp_path / "broken_middleware.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    [line] = problems(PIPELINE.replace("[", '["broken_middleware:Mark", '))
    assert "pipeline[0]: cannot load 'broken_middleware:Mark': " in line


@pytest.mark.parametrize(
    "options, said",
    [
        ("{lable: x}", "unknown key; did you mean 'label'?"),
        ("{times: x}", "times: expected a whole number, got 'x'"),
    ],
)
def test_the_options_of_ones_own_middleware_are_checked(options, said):
    [line] = problems(PIPELINE.replace("[", f'[{{"{HERE}:Mark": {options}}}, '))
    assert said in line


async def run(pipeline, rows, asking=None, log=None):
    """What the caller gets of a request through the whole pipeline, its attempts scripted."""
    script = ScriptedHandler(list(rows))
    made = generation(routing_yaml(pipeline), script)
    asked = {"X-Provider-Fallbacks": "a,b,c", "Authorization": f"Bearer {CALLER_KEY}"}
    asking = asking or request(orjson.dumps(BODY_OF_A_STREAM), asked)
    one = exchange(asking, snap=made.snapshot, log=log)
    response = await made.pipeline.handler(one)
    return one, script, response


BODY_OF_A_STREAM = {"model": "m", "stream": True, "messages": [{"role": "user", "content": CANARIES[0]}]}


async def test_a_request_goes_through_all_of_it():
    log = MemoryLog()
    one, script, response = await run(
        PIPELINE, [504, stream_response([chunk_event(CANARIES[3]), chunk_event(finish="stop")])], log=log
    )
    parts = await drain(response.body)
    one.close()
    assert script.tried == ["a", "b"]
    assert b"".join(parts).endswith(b"data: [DONE]\n\n")
    assert log.lines[0]["attempts"] == ["a@us/m-a: timeout", "b@us/m-b: ok"]
    assert not [canary for canary in CANARIES if canary in log.text]
    assert one.response_headers()["X-Provider"] == "b"


@pytest.mark.parametrize(
    "before, subjects",
    [
        ("access_log", [Exchange]),
        ("strategy", [Exchange]),
        ("failover", [Exchange]),
        ("translate", [Attempt, Attempt]),
    ],
)
async def test_ones_own_stands_anywhere_and_inside_failover_runs_for_each_attempt(before, subjects, seen):
    pipeline = PIPELINE.replace(before, f'{{"{HERE}:Mark": {{label: hello}}}}, {before}')
    _, _, response = await run(pipeline, [500, Response(200, {}, b'{"x":1}')])
    assert seen == [("hello", subject) for subject in subjects]
    # The header policy lets back only what is on its list: outside of it a mark stays.
    assert response.headers == ({"X-Mark": "hello"} if before == "access_log" else {})


async def test_ones_own_may_stand_next_to_the_provider_and_twice(seen):
    pipeline = PIPELINE.replace("]", f', "{HERE}:Mark", {{"{HERE}:Mark": {{label: inner, times: 2}}}}]')
    await run(pipeline, [Response(200, {}, b'{"x":1}')])
    assert seen == [("mark", Attempt), ("inner", Attempt), ("inner", Attempt)]


async def test_one_more_can_be_put_around_all_and_one_within(seen):
    pipeline = generation(routing_yaml(), ScriptedHandler([504, 200])).pipeline
    await pipeline.wrap(Mark("outer"), Mark("inner")).handler(exchange())
    assert seen == [("outer", Exchange), ("inner", Attempt), ("inner", Attempt)]


async def test_a_failure_reaches_the_end_with_everything_given_back():
    made = generation(routing_yaml(), ScriptedHandler([504, 502, 504, 503, 500, 500]))
    one = exchange(snap=made.snapshot)
    with pytest.raises(AllProvidersFailedError) as caught:
        await made.pipeline.handler(one)
    assert caught.value.status == 502
    one.close()
    assert (one.runtime.load.requests, one.runtime.load.buffered_bytes) == (0, 0)


async def test_a_cancelled_request_ends_with_its_line_and_everything_given_back(assert_cancels):
    log = MemoryLog()
    made = generation(routing_yaml(), ScriptedHandler([504, FOREVER]))
    one = exchange(snap=made.snapshot, log=log)
    await assert_cancels(made.pipeline.handler(one))
    one.close()
    assert (one.runtime.load.requests, one.runtime.load.buffered_bytes) == (0, 0)
    assert log.lines[0]["outcome"] == "client_disconnected"
    assert [each.split(": ")[1] for each in log.lines[0]["attempts"]] == ["timeout", "cancelled"]


@pytest.mark.parametrize(
    "given, names",
    [
        (PIPELINE, ["AccessLog", "Auth", "HeaderPolicy"]),
        (PIPELINE.replace("access_log, ", ""), ["Auth", "HeaderPolicy", "Endpoints"]),
        (PIPELINE.replace("[", f'["{HERE}:Mark", '), ["Auth", "Mark", "AccessLog"]),
        (PIPELINE.replace("access_log, ", f'access_log, "{HERE}:Mark", '), ["AccessLog", "Auth", "Mark"]),
    ],
)
def test_without_auth_its_checks_come_before_anything_but_the_log(given, names):
    made = generation(routing_yaml(given)).pipeline.middlewares
    assert [type(each).__name__ for each in made[:3]] == names
    assert [type(each).__name__ for each in made].count("Auth") == 1
