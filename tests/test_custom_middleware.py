"""A custom middleware may stand anywhere in the pipeline; one that cannot be loaded is a mistake in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from proxy.config.document import ConfigError
from proxy.exchange import Attempt, Exchange
from proxy.messages import Response
from tests.fakes import (
    CALLER_KEY,
    PIPELINE,
    FakeClient,
    MemoryLog,
    exchange,
    generation,
    request,
    routing_yaml,
    run_request,
)

HERE = "tests.test_custom_middleware"
seen: list[tuple[str, str, type]] = []
"""Label, phase and argument's type of each call of a `Mark`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A custom middleware that records its phases."""

    label: str = "mark"
    times: int = 1

    def before(self, exchange: Exchange) -> None:
        seen.extend([(self.label, "before", type(exchange))] * self.times)

    def after(self, exchange: Exchange, response: Response) -> None:
        seen.append((self.label, "after", type(exchange)))
        response.headers["X-Mark"] = self.label

    def closed(self, exchange: Exchange) -> None:
        seen.append((self.label, "closed", type(exchange)))


@dataclass(frozen=True, slots=True)
class MarkLater:
    """The same as coroutines, as far as phases may be coroutines."""

    label: str = "later"

    async def before(self, exchange: Exchange) -> None:
        Mark.before(self, exchange)

    async def after(self, exchange: Exchange, response: Response) -> None:
        Mark.after(self, exchange, response)

    times: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class MarkAttempt:
    """A custom middleware for after `failover`."""

    label: str = "mark"

    def before(self, attempt: Attempt) -> None:
        seen.append((self.label, "before", type(attempt)))


@dataclass(frozen=True, slots=True)
class MarkAttemptLater:
    """The same as a coroutine."""

    label: str = "later"

    async def before(self, attempt: Attempt) -> None:
        seen.append((self.label, "before", type(attempt)))


@dataclass(frozen=True, slots=True)
class Mute:
    """A dataclass without a phase; an option has the name of one."""

    after: str = "now"


@dataclass(frozen=True, slots=True)
class OptionNamedAfter:
    """A middleware with an option that has the name of a phase."""

    after: str = "now"

    def before(self, exchange: Exchange) -> None:
        seen.append((self.after, "before", type(exchange)))


@dataclass(frozen=True, slots=True)
class ClosesLater:
    """A middleware whose `closed` nobody would await."""

    async def closed(self, exchange: Exchange) -> None:
        """Never run."""


@dataclass
class Lost:
    """A middleware with an option of a type that does not exist."""

    option: Nowhere = None  # noqa: F821

    def before(self, exchange: Exchange) -> None:
        """Do nothing."""


class Plain:
    """A class with a phase that is not a dataclass."""

    def before(self, exchange: Exchange) -> None:
        """Do nothing."""


function = Mark.before


@pytest.fixture(autouse=True)
def no_marks() -> Iterator[None]:
    seen.clear()
    yield
    seen.clear()


def problems(pipeline: str, tail: str = "") -> list[str]:
    """Return the lines that the file of a pipeline is refused with."""
    with pytest.raises(ConfigError) as caught:
        generation(routing_yaml(pipeline) + tail)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.such.module:Mark", "cannot load 'no.such.module:Mark': No module named 'no'"),
        (f"{HERE}:Nobody", f"cannot load '{HERE}:Nobody': module '{HERE}' has no attribute 'Nobody'"),
        (f"{HERE}:Mute", "must be a dataclass with a method before, after or closed"),
        (f"{HERE}:Plain", "must be a dataclass with a method before, after or closed"),
        (f"{HERE}:function", "must be a dataclass with a method before, after or closed"),
        (f"{HERE}:ClosesLater", "closed cannot be a coroutine"),
        (f"{HERE}:HERE", "must be a dataclass with a method before, after or closed"),
        (f"{HERE}:Lost", "name 'Nowhere' is not defined"),
        (f"{HERE}.Mark", "your own is package.module:Name"),
        (":Mark", "your own is package.module:Name"),
        (".relative:Mark", "your own is package.module:Name"),
    ],
)
def test_a_custom_middleware_that_cannot_be_loaded_is_reported_with_its_place(name: str, message: str) -> None:
    [line] = problems(PIPELINE.replace("[", f'["{name}", '))
    assert line.startswith("routing.yaml:2:12: pipeline[0]: ")
    assert message in line


def test_a_module_that_is_not_python_is_reported_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_middleware.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    [line] = problems(PIPELINE.replace("[", '["broken_middleware:Mark", '))
    assert "pipeline[0]: cannot load 'broken_middleware:Mark': " in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{lable: x}", "unknown key; did you mean 'label'?"),
        ("{times: x}", "times: expected a whole number, got 'x'"),
    ],
)
def test_the_options_of_a_custom_middleware_are_checked(options: str, message: str) -> None:
    [line] = problems(PIPELINE.replace("[", f'[{{"{HERE}:Mark": {options}}}, '))
    assert message in line


@pytest.mark.parametrize("name", ["Mark", "MarkLater"])
def test_after_failover_only_a_method_before_is_accepted(name: str) -> None:
    [line] = problems(PIPELINE.replace("]", f', "{HERE}:{name}"]'))
    assert line.startswith("routing.yaml:2:95: pipeline[7]: ")
    assert "after failover a middleware has the method before(attempt), and no other phase" in line


def test_a_custom_middleware_may_stand_twice_and_its_option_may_have_the_name_of_a_phase() -> None:
    twice = PIPELINE.replace("[", f'["{HERE}:OptionNamedAfter", "{HERE}:OptionNamedAfter", ')
    pipeline = generation(routing_yaml(twice)).pipeline
    assert len(pipeline.middlewares) == 9 and [at for at, _ in pipeline.before[:3]] == [0, 1, 2]


def one_request(rows: list[Any], raw: bytes = b"", log: MemoryLog | None = None) -> Exchange:
    """Return a request for the providers a, b and c, in this order, which answer with these rows."""
    one = exchange(
        request({"X-Provider-Fallbacks": "a,b,c", "Authorization": f"Bearer {CALLER_KEY}"}), log=log, raw=raw
    )
    one.runtime.transport.rows[:] = rows
    return one


async def run(pipeline: str, rows: list[Any], raw: bytes = b"") -> FakeClient:
    """Run a request through the pipeline of a file."""
    return await run_request(one_request(rows, raw), generation(routing_yaml(pipeline)).pipeline)


@pytest.mark.parametrize("name", ["Mark", "MarkLater"])
@pytest.mark.parametrize("entry", ["access_log", "limits", "strategy", "failover"])
async def test_a_custom_middleware_may_stand_anywhere(entry: str, name: str) -> None:
    pipeline = PIPELINE.replace(entry, f'{{"{HERE}:{name}": {{label: hello}}}}, {entry}')
    client = await run(pipeline, [500, 200])
    phases = ["before", "after", "closed"] if name == "Mark" else ["before", "after"]
    assert seen == [("hello", phase, Exchange) for phase in phases]
    # The header policy removes what is not on its list: only a mark outside of it stays.
    assert client.headers.get("X-Mark") == ("hello" if entry == "access_log" else None)


@pytest.mark.parametrize("name", ["MarkAttempt", "MarkAttemptLater"])
@pytest.mark.parametrize("is_last", [False, True])
async def test_after_failover_a_custom_middleware_runs_for_each_attempt(name: str, is_last: bool) -> None:
    entry = f'{{"{HERE}:{name}": {{label: hello}}}}'
    places = f"translate, {entry}" if is_last else f"{entry}, translate"
    client = await run(PIPELINE.replace("translate", places), [500, 200])
    assert client.status == 200 and seen == [("hello", "before", Attempt)] * 2


async def test_phases_run_in_the_files_order_and_back() -> None:
    pipeline = PIPELINE.replace("[", f'["{HERE}:Mark", {{"{HERE}:Mark": {{label: inner, times: 2}}}}, ')
    await run(pipeline, [200])
    assert [each[:2] for each in seen] == [
        ("mark", "before"), ("inner", "before"), ("inner", "before"), ("inner", "after"), ("mark", "after"),
        ("inner", "closed"), ("mark", "closed"),
    ]  # fmt: skip


async def test_wrap_adds_one_middleware_around_all_and_one_closest_to_the_provider() -> None:
    pipeline = generation().pipeline.wrap(Mark("outer"), MarkAttempt("inner"))
    await run_request(one_request([504, 200]), pipeline)
    assert seen == [
        ("outer", "before", Exchange),
        *[("inner", "before", Attempt)] * 2,
        ("outer", "after", Exchange),
        ("outer", "closed", Exchange),
    ]
