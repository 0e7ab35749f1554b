"""A provider that stops reading the request, or never acknowledges it, does not hold the client up."""

from __future__ import annotations

import pytest

from proxy.config.schema import Timeouts
from tests.faults.rehearsal import rehearsal, routing_yaml
from tests.faults.server import NOREAD, RECV_HEAD, Script
from tests.faults.wire_formats import TEXT, WIRE_FORMATS
from tests.virtual_time import virtual_time

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
OPENAI = WIRE_FORMATS["openai"]
LARGE = {"user": "x" * (16 * 2**20)}
"""A member of the request that is more than the buffers of a connection take, and no prompt."""
STUCK: list[Script] = [[RECV_HEAD, NOREAD], [NOREAD]]
NO_HEDGE = "hedge: {after: off}"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("script", STUCK, ids=["after the head", "at once"])
@virtual_time
async def test_an_upload_that_nobody_reads_fails_over(script: Script, stream: bool) -> None:
    file = routing_yaml(failover=NO_HEDGE)
    async with rehearsal(file, [script], [OPENAI.response_script(stream)]) as running:
        result = await running.send_chat(stream, **LARGE)
        assert (result.status, result.text, result.provider) == (200, TEXT, "second")
        assert 30 <= result.duration_s <= 62
        assert int(running.servers[1].requests[0].headers["content-length"]) > 16 * 2**20


@pytest.mark.parametrize("stream", [True, False])
@virtual_time
async def test_a_hedge_answers_before_a_stuck_upload_has_failed(stream: bool) -> None:
    async with rehearsal(routing_yaml(), [STUCK[0]], [OPENAI.response_script(stream)]) as running:
        result = await running.send_chat(stream, **LARGE)
        assert (result.status, result.text, result.provider) == (200, TEXT, "second")
        assert result.duration_s <= 31


@pytest.mark.parametrize("stream", [True, False])
@virtual_time
async def test_without_another_provider_a_stuck_upload_is_a_504(stream: bool) -> None:
    async with rehearsal(routing_yaml(alone=True), STUCK[:1]) as running:
        result = await running.send_chat(stream, **LARGE)
        assert (result.status, result.errors[0]["attempts"][0]["outcome"]) == (504, "upstream_timeout")
        assert stream or "accepted no request data for 30 s" in result.errors[0]["message"]


@pytest.mark.parametrize(("stream", "timeout_s"), [(True, Timeouts().first_token), (False, Timeouts().response)])
@virtual_time
async def test_a_small_request_that_is_never_acknowledged_fails_over_at_the_response_timeout(
    stream: bool, timeout_s: float
) -> None:
    file = routing_yaml(failover=NO_HEDGE)
    async with rehearsal(file, STUCK[1:], [OPENAI.response_script(stream)]) as running:
        result = await running.send_chat(stream)
        assert (result.status, result.text, result.provider) == (200, TEXT, "second")
        assert timeout_s <= result.duration_s <= timeout_s + 1
