"""Every fault of the catalogue, streaming or not, with one provider or two, in each format."""

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
"""The text before the stream breaks."""


def cases() -> Iterator[object]:
    for at, fault in enumerate(FAULTS):
        for stream in fault.modes:
            for dialect in WIRE_FORMATS:
                name = f"{fault.number}-{at}-{dialect}-{'streamed' if stream else 'whole'}"
                yield pytest.param(fault, stream, dialect, id=name)


def check(result: ClientResult, ending: Ending, stream: bool) -> None:
    """Assert that the client received exactly that."""
    if isinstance(ending, int):
        assert result.status == ending, result.body
        assert result.errors[0]["message"] and result.headers["Content-Type"].startswith("application/json")
        return
    assert result.status == 200, result.body
    if ending == "event":
        assert (result.text, len(result.errors), result.done, result.finishes) == (SENT, 1, 0, [])
        return
    assert (result.text, result.errors, result.provider) == (TEXT, [], ending)
    assert not stream or (result.finishes, result.done) == (["stop"], 1)


def check_no_secret(result: ClientResult, running: Rehearsal) -> None:
    """Assert that no output contains a key, and that the log contains no prompt and no answer."""
    outputs = repr((result.body, dict(result.headers))) + running.logged()
    assert KEY not in outputs and "169.254" not in outputs
    assert PROMPT not in outputs and "word39" not in running.logged()


def healthy(fault: FaultCase, dialect: str, stream: bool) -> Sequence[Script]:
    """Return the script of a healthy second provider; after a prefill it sends the rest of the answer."""
    wire_format = WIRE_FORMATS[dialect]
    rest = (
        replace(wire_format, tokens=wire_format.tokens[40:])
        if fault.resumes and dialect == "anthropic"
        else wire_format
    )
    return [rest.response_script(stream)]


@pytest.mark.parametrize(("fault", "stream", "dialect"), [*cases()])
@virtual_time
async def test_a_fault_without_a_fallback_gives_the_documented_error(
    fault: FaultCase, stream: bool, dialect: str
) -> None:
    async with rehearsal(routing_yaml(dialect, alone=True), fault.scripts(WIRE_FORMATS[dialect], stream)) as running:
        result = await running.send_chat(stream)
        ending = (
            503
            if "an error event" in fault.description and fault.alone == 502 and dialect == "anthropic"
            else fault.alone
        )
        check(result, ending, stream)
        check_no_secret(result, running)
        assert len(running.servers[0].peers) <= 2


@pytest.mark.parametrize(("fault", "stream", "dialect"), [*cases()])
@virtual_time
async def test_a_fault_with_a_fallback_gives_the_documented_result(
    fault: FaultCase, stream: bool, dialect: str
) -> None:
    scripts = fault.scripts(WIRE_FORMATS[dialect], stream), healthy(fault, dialect, stream)
    async with rehearsal(routing_yaml(dialect, dialect), *scripts) as running:
        result = await running.send_chat(stream)
        check(result, fault.fallback, stream)
        check_no_secret(result, running)
        assert result.duration_s <= fault.within_s
        assert len(running.servers[0].peers) <= 2 and len(running.servers[1].peers) <= 1
        assert running.calls[1] == (fault.fallback == "second")


@pytest.mark.parametrize("dialect", WIRE_FORMATS)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.resumes], ids=lambda fault: fault.description)
@virtual_time
async def test_with_resume_off_a_cut_stream_ends_with_an_error_and_no_other_provider_is_called(
    fault: FaultCase, dialect: str
) -> None:
    file = routing_yaml(dialect, dialect, failover="resume: off")
    async with rehearsal(file, fault.scripts(WIRE_FORMATS[dialect], True), healthy(fault, dialect, True)) as running:
        result = await running.send_chat()
        check(result, "event", True)
        check_no_secret(result, running)
        assert running.calls == (1, 0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.description)
@virtual_time
async def test_without_retries_there_is_one_call(fault: FaultCase) -> None:
    stream = fault.modes[0]
    async with rehearsal(
        routing_yaml(), fault.scripts(WIRE_FORMATS["openai"], stream), healthy(fault, "openai", stream)
    ) as running:
        result = await running.send_chat(stream, {"X-Retry-On-Provider-Error": "false"})
        check(result, fault.alone, stream)
        assert len(running.servers[0].peers) <= 1 and running.calls[1] == 0


@virtual_time
async def test_cookies_of_a_provider_are_not_forwarded() -> None:
    """F27 of the catalogue."""
    whole = WIRE_FORMATS["openai"].body
    script: Script = [RECV, send(http_response(whole, headers=f"{CLOSING}Set-Cookie: __cf_bm=secret\r\n")), FIN]
    async with rehearsal(routing_yaml(alone=True), [script]) as running:
        first, second = await running.send_chat(False), await running.send_chat(False)
        assert "Set-Cookie" not in first.headers and "Set-Cookie" not in second.headers
        assert all("cookie" not in got.headers for got in running.servers[0].requests)


@virtual_time
async def test_a_total_outage_costs_at_most_a_fifth_more_attempts() -> None:
    """F38 of the catalogue."""
    async with rehearsal(routing_yaml(), [error_response(500)], [error_response(500)]) as running:
        for _ in range(5):
            await running.send_chat(False)
        before = sum(running.calls)
        number = 40
        answers = await asyncio.gather(*(running.send_chat(False) for _ in range(number)))
        assert {result.status for result in answers} == {502}
        assert sum(running.calls) - before <= 1.2 * number + 6


def test_every_number_of_the_catalogue_has_a_test() -> None:
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).exists()] == []
    numbers = {fault.number for fault in FAULTS} | ELSEWHERE.keys() | set(HERE)
    assert {f"F{number}" for number in range(1, 41)} <= numbers


def test_the_docs_have_the_table_of_the_catalogue() -> None:
    assert table() in (ROOT / "docs/reference/faults.md").read_text()
