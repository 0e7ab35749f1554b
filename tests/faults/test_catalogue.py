"""Each fault, streamed or not, alone or beside a healthy provider, in each format: the caller gets what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.catalogue import ELSEWHERE, FAULTS, HERE, Ending, Fault, table
from tests.faults.rehearsal import KEY, PROMPT, Rehearsal, Told, rehearsal, text
from tests.faults.server import FIN, RECV, Script, answer, send
from tests.faults.voices import CLOSING, TEXT, VOICES, refusal
from tests.hurry import hurried

ROOT = Path(__file__).parent.parent.parent
SENT = "".join(f" word{number}" for number in range(40))
"""What came before the break."""


def cases() -> Iterator[object]:
    for at, fault in enumerate(FAULTS):
        for stream in fault.modes:
            for dialect in VOICES:
                name = f"{fault.number}-{at}-{dialect}-{'streamed' if stream else 'whole'}"
                yield pytest.param(fault, stream, dialect, id=name)


def check(told: Told, ending: Ending, stream: bool) -> None:
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


def check_no_secret(told: Told, running: Rehearsal) -> None:
    """Neither answer nor headers nor log has a key; and nobody logs what was said."""
    outputs = repr((told.body, dict(told.headers))) + running.outputs()
    assert KEY not in outputs and "169.254" not in outputs
    assert PROMPT not in outputs and "word39" not in running.outputs()


def healthy(fault: Fault, dialect: str, stream: bool) -> Sequence[Script]:
    """A second provider that is well; it says the rest where it is asked to go on from what was said."""
    voice = VOICES[dialect]
    rest = replace(voice, tokens=voice.tokens[40:]) if fault.resumes and dialect == "anthropic" else voice
    return [rest.answered(stream)]


@pytest.mark.parametrize(("fault", "stream", "dialect"), [*cases()])
@hurried
async def test_a_fault_alone_is_told_truly(fault: Fault, stream: bool, dialect: str) -> None:
    async with rehearsal(text(dialect, alone=True), fault.scripts(VOICES[dialect], stream)) as running:
        told = await running.ask(stream)
        ending = (
            503 if "an error event" in fault.what and fault.alone == 502 and dialect == "anthropic" else fault.alone
        )
        check(told, ending, stream)
        check_no_secret(told, running)
        assert len(running.servers[0].peers) <= 2


@pytest.mark.parametrize(("fault", "stream", "dialect"), [*cases()])
@hurried
async def test_a_fault_beside_a_healthy_provider_goes_unnoticed_where_it_can(
    fault: Fault, stream: bool, dialect: str
) -> None:
    scripts = fault.scripts(VOICES[dialect], stream), healthy(fault, dialect, stream)
    async with rehearsal(text(dialect, dialect), *scripts) as running:
        told = await running.ask(stream)
        check(told, fault.fallback, stream)
        check_no_secret(told, running)
        assert told.took <= fault.within
        assert len(running.servers[0].peers) <= 2 and len(running.servers[1].peers) <= 1
        assert running.calls[1] == (fault.fallback == "second")


@pytest.mark.parametrize("dialect", VOICES)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.resumes], ids=lambda fault: fault.what)
@hurried
async def test_with_resume_off_a_cut_answer_says_so_and_nobody_else_is_called(fault: Fault, dialect: str) -> None:
    file = text(dialect, dialect, failover="resume: off")
    async with rehearsal(file, fault.scripts(VOICES[dialect], True), healthy(fault, dialect, True)) as running:
        told = await running.ask()
        check(told, "event", True)
        check_no_secret(told, running)
        assert running.calls == (1, 0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
@hurried
async def test_without_retries_there_is_exactly_one_call(fault: Fault) -> None:
    stream = fault.modes[0]
    async with rehearsal(text(), fault.scripts(VOICES["openai"], stream), healthy(fault, "openai", stream)) as running:
        told = await running.ask(stream, {"X-Retry-On-Provider-Error": "false"})
        check(told, fault.alone, stream)
        assert len(running.servers[0].peers) <= 1 and running.calls[1] == 0


@hurried
async def test_no_cookie_of_a_provider_goes_anywhere() -> None:
    """F27."""
    whole = VOICES["openai"].whole
    script: Script = [RECV, send(answer(whole, headers=f"{CLOSING}Set-Cookie: __cf_bm=secret\r\n")), FIN]
    async with rehearsal(text(alone=True), [script]) as running:
        first, second = await running.ask(False), await running.ask(False)
        assert "Set-Cookie" not in first.headers and "Set-Cookie" not in second.headers
        assert all("cookie" not in got.headers for got in running.servers[0].requests)


@hurried
async def test_a_total_outage_costs_the_providers_little_more_than_the_requests() -> None:
    """F38."""
    async with rehearsal(text(), [refusal(500)], [refusal(500)]) as running:
        for _ in range(5):
            await running.ask(False)
        before = sum(running.calls)
        number = 40
        answers = await asyncio.gather(*(running.ask(False) for _ in range(number)))
        assert {told.status for told in answers} == {502}
        assert sum(running.calls) - before <= 1.2 * number + 6


def test_every_number_of_the_catalogue_is_tested_somewhere() -> None:
    numbers = {fault.number for fault in FAULTS} | ELSEWHERE.keys() | set(HERE)
    assert {f"F{number}" for number in range(1, 41)} <= numbers


def test_the_docs_have_the_same_table() -> None:
    assert table() in (ROOT / "docs/faults.md").read_text()
