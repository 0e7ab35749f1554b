"""Each fault, streamed or not, alone or beside a healthy provider, in each format: the caller gets what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.catalogue import ELSEWHERE, FAULTS, HERE, Ending, FaultCase, table
from tests.faults.rehearsal import KEY, PROMPT, ClientResult, Rehearsal, rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, Script, http_response, send
from tests.faults.wire_formats import CLOSING, TEXT, WIRE_FORMATS, error_response
from tests.virtual_time import virtual_time

ROOT = Path(__file__).parent.parent.parent
SENT = "".join(f" word{number}" for number in range(40))
"""What came before the break."""


def cases() -> Iterator[object]:
    for at, fault in enumerate(FAULTS):
        for stream in fault.modes:
            for dialect in WIRE_FORMATS:
                name = f"{fault.number}-{at}-{dialect}-{'streamed' if stream else 'whole'}"
                yield pytest.param(fault, stream, dialect, id=name)


def check(told: ClientResult, ending: Ending, stream: bool) -> None:
    """The caller got that, and nothing besides."""
    if isinstance(ending, int):
        assert told.status == ending, told.body
        assert told.errors[0]["message"] and told.headers["Content-Type"].startswith("application/json")
        return
    assert told.status == 200, told.body
    if ending == "event":
        assert (told.text, len(told.errors), told.done, told.finishes) == (SENT, 1, 0, [])
        return
    assert (told.text, told.errors, told.provider) == (TEXT, [], ending)
    assert not stream or (told.finishes, told.done) == (["stop"], 1)


def check_no_secret(told: ClientResult, running: Rehearsal) -> None:
    """Neither answer nor headers nor log has a key; and nobody logs what was said."""
    outputs = repr((told.body, dict(told.headers))) + running.logged()
    assert KEY not in outputs and "169.254" not in outputs
    assert PROMPT not in outputs and "word39" not in running.logged()


def healthy(fault: FaultCase, dialect: str, stream: bool) -> Sequence[Script]:
    """A second provider that is well; it says the rest where it is asked to go on from what was said."""
    voice = WIRE_FORMATS[dialect]
    rest = replace(voice, tokens=voice.tokens[40:]) if fault.resumes and dialect == "anthropic" else voice
    return [rest.response_script(stream)]


@pytest.mark.parametrize(("fault", "stream", "dialect"), [*cases()])
@virtual_time
async def test_a_fault_alone_is_told_truly(fault: FaultCase, stream: bool, dialect: str) -> None:
    async with rehearsal(routing_yaml(dialect, alone=True), fault.scripts(WIRE_FORMATS[dialect], stream)) as running:
        told = await running.send_chat(stream)
        ending = (
            503
            if "an error event" in fault.description and fault.alone == 502 and dialect == "anthropic"
            else fault.alone
        )
        check(told, ending, stream)
        check_no_secret(told, running)
        assert len(running.servers[0].peers) <= 2


@pytest.mark.parametrize(("fault", "stream", "dialect"), [*cases()])
@virtual_time
async def test_a_fault_beside_a_healthy_provider_goes_unnoticed_where_it_can(
    fault: FaultCase, stream: bool, dialect: str
) -> None:
    scripts = fault.scripts(WIRE_FORMATS[dialect], stream), healthy(fault, dialect, stream)
    async with rehearsal(routing_yaml(dialect, dialect), *scripts) as running:
        told = await running.send_chat(stream)
        check(told, fault.fallback, stream)
        check_no_secret(told, running)
        assert told.duration_s <= fault.within_s
        assert len(running.servers[0].peers) <= 2 and len(running.servers[1].peers) <= 1
        assert running.calls[1] == (fault.fallback == "second")


@pytest.mark.parametrize("dialect", WIRE_FORMATS)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.resumes], ids=lambda fault: fault.description)
@virtual_time
async def test_with_resume_off_a_cut_answer_says_so_and_nobody_else_is_called(fault: FaultCase, dialect: str) -> None:
    file = routing_yaml(dialect, dialect, failover="resume: off")
    async with rehearsal(file, fault.scripts(WIRE_FORMATS[dialect], True), healthy(fault, dialect, True)) as running:
        told = await running.send_chat()
        check(told, "event", True)
        check_no_secret(told, running)
        assert running.calls == (1, 0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.description)
@virtual_time
async def test_without_retries_there_is_exactly_one_call(fault: FaultCase) -> None:
    stream = fault.modes[0]
    async with rehearsal(
        routing_yaml(), fault.scripts(WIRE_FORMATS["openai"], stream), healthy(fault, "openai", stream)
    ) as running:
        told = await running.send_chat(stream, {"X-Retry-On-Provider-Error": "false"})
        check(told, fault.alone, stream)
        assert len(running.servers[0].peers) <= 1 and running.calls[1] == 0


@virtual_time
async def test_no_cookie_of_a_provider_goes_anywhere() -> None:
    """F27."""
    whole = WIRE_FORMATS["openai"].body
    script: Script = [RECV, send(http_response(whole, headers=f"{CLOSING}Set-Cookie: __cf_bm=secret\r\n")), FIN]
    async with rehearsal(routing_yaml(alone=True), [script]) as running:
        first, second = await running.send_chat(False), await running.send_chat(False)
        assert "Set-Cookie" not in first.headers and "Set-Cookie" not in second.headers
        assert all("cookie" not in got.headers for got in running.servers[0].requests)


@virtual_time
async def test_a_total_outage_costs_the_providers_little_more_than_the_requests() -> None:
    """F38."""
    async with rehearsal(routing_yaml(), [error_response(500)], [error_response(500)]) as running:
        for _ in range(5):
            await running.send_chat(False)
        before = sum(running.calls)
        number = 40
        answers = await asyncio.gather(*(running.send_chat(False) for _ in range(number)))
        assert {told.status for told in answers} == {502}
        assert sum(running.calls) - before <= 1.2 * number + 6


def test_every_number_of_the_catalogue_is_tested_somewhere() -> None:
    numbers = {fault.number for fault in FAULTS} | ELSEWHERE.keys() | set(HERE)
    assert {f"F{number}" for number in range(1, 41)} <= numbers


def test_the_docs_have_the_same_table() -> None:
    assert table() in (ROOT / "docs/reference/faults.md").read_text()
