"""Each fault changes the script of a reply; an invalid fault is rejected with what is allowed."""

from __future__ import annotations

import json

import pytest

from proxy.sandbox.anthropic import SIMULATION as ANTHROPIC
from proxy.sandbox.contract import EVENT_STREAM, Call, RateLimitWindow, Reply, SimulatedError, Simulation
from proxy.sandbox.faults import FAULTS, InvalidFaultError, RequestContext, build_script, closes_port, parse_fault
from proxy.sandbox.openai import SIMULATION as OPENAI
from proxy.sandbox.scenario import Fault, Scenario
from proxy.sandbox.script import AbruptEnd, SendBody, SendHead, Wait

STREAM = Reply(200, {"content-type": EVENT_STREAM}, (b"1", b"2", b"3"))
BODY = Reply(200, {"content-type": "application/json"}, (b'{"whole":1}',))
HEAD = SendHead(200, {"content-type": EVENT_STREAM})
BODY_HEAD = SendHead(200, {"content-type": "application/json", "content-length": "11"})


def request_context(reply=STREAM, scenario=None, window=None):
    def render_error(call, error):
        return Reply(error.status, {"left": str(call.window.request_limit)}, (error.message.encode(),))

    call = Call("p", "POST", "/", {}, b"", window=window or RateLimitWindow())
    return RequestContext(call, Simulation("", lambda call: reply, render_error), scenario or Scenario())


@pytest.mark.parametrize(
    "fault, reply, script",
    [
        (None, STREAM, [HEAD, SendBody(b"1"), SendBody(b"2"), SendBody(b"3")]),
        (Fault("cut"), STREAM, [AbruptEnd.CLOSE]),
        (Fault("cut", after=0), STREAM, [HEAD, AbruptEnd.CLOSE]),
        (Fault("cut", after=2), STREAM, [HEAD, SendBody(b"1"), SendBody(b"2"), AbruptEnd.CLOSE]),
        (Fault("cut", after=9), STREAM, [HEAD, SendBody(b"1"), SendBody(b"2"), SendBody(b"3"), AbruptEnd.CLOSE]),
        (Fault("cut", after=2), BODY, [BODY_HEAD, SendBody(b'{"who'), AbruptEnd.CLOSE]),
        (Fault("cut", after=0), BODY, [BODY_HEAD, AbruptEnd.CLOSE]),
        (Fault("reset"), BODY, [AbruptEnd.RESET]),
        (Fault("reset", after=1), STREAM, [HEAD, SendBody(b"1"), AbruptEnd.RESET]),
        (Fault("stall"), STREAM, [AbruptEnd.STALL]),
        (Fault("stall", after=0), STREAM, [HEAD, AbruptEnd.STALL]),
        (Fault("stall", after=1), STREAM, [HEAD, SendBody(b"1"), AbruptEnd.STALL]),
        (Fault("slow", seconds=3), BODY, [Wait(3), BODY_HEAD, SendBody(b'{"whole":1}')]),
        (
            Fault("slow", seconds=3, between=1),
            STREAM,
            [Wait(3), HEAD, SendBody(b"1"), Wait(1), SendBody(b"2"), Wait(1), SendBody(b"3")],
        ),
    ],
)
def test_a_fault_changes_the_script(fault, reply, script):
    assert list(build_script(fault, request_context(reply))) == script


def test_a_fault_keeps_the_delays_of_the_scenario():
    scenario = Scenario(latency_s=5, chunk_delay_s=2)
    assert list(build_script(Fault("stall", after=2), request_context(scenario=scenario))) == [
        Wait(5),
        HEAD,
        SendBody(b"1"),
        Wait(2),
        SendBody(b"2"),
        AbruptEnd.STALL,
    ]


@pytest.mark.parametrize(
    "simulation, status, kind",
    [
        (OPENAI, 429, "requests"),
        (OPENAI, 500, "server_error"),
        (OPENAI, 418, "invalid_request_error"),
        (ANTHROPIC, 529, "overloaded_error"),
        (ANTHROPIC, 429, "rate_limit_error"),
        (ANTHROPIC, 502, "api_error"),
        (ANTHROPIC, 422, "invalid_request_error"),
    ],
)
def test_an_error_status_has_the_providers_own_envelope(simulation, status, kind):
    call = Call("p", "POST", "/anything", {}, b"")
    head, body = build_script(
        Fault("status", status=status, retry_after=7), RequestContext(call, simulation, Scenario())
    )
    assert head.status == status and head.headers["retry-after"] == "7"
    assert json.loads(body.data)["error"]["type"] == kind


def test_the_wait_in_the_body_is_that_of_the_fault():
    def render_error(call, error):
        return Reply(error.status, {}, (str(call.window.resets_in_s).encode(),))

    broken = request_context()
    _, body = build_script(
        Fault("status", status=429, retry_after=7),
        RequestContext(broken.call, Simulation("", None, render_error), Scenario()),
    )
    assert body.data == b"7.0"


def test_without_retry_after_the_header_is_absent():
    head, _ = build_script(Fault("status", status=503), request_context())
    assert "retry-after" not in head.headers


@pytest.mark.parametrize("used, status, retry", [(2, 200, None), (3, 429, "31")])
def test_over_the_limit_requests_get_429_until_the_minute_ends(used, status, retry):
    head, *_ = build_script(
        Fault("limit", requests=2), request_context(window=RateLimitWindow(requests=used, resets_in_s=30.2))
    )
    assert (head.status, head.headers.get("retry-after")) == (status, retry)


def test_rate_limit_headers_have_the_limit_of_the_fault():
    head, _ = build_script(Fault("limit", requests=2), request_context(window=RateLimitWindow(requests=3)))
    assert head.headers["left"] == "2"


@pytest.mark.parametrize("error, status", [(SimulatedError(404), 404), (KeyError("x"), 400), (TypeError(), 400)])
def test_errors_of_the_simulation_become_error_replies(error, status):
    def handle(call):
        raise error

    broken = request_context()
    simulation = Simulation("", handle, broken.simulation.render_error)
    head, _ = build_script(None, RequestContext(broken.call, simulation, Scenario()))
    assert head.status == status


@pytest.mark.parametrize("name", FAULTS)
def test_only_down_closes_the_port(name):
    assert closes_port(Fault(name)) is (name == "down")
    assert not closes_port(None)


@pytest.mark.parametrize(
    "value, fault",
    [
        ({"fault": "status", "status": 503, "times": 2}, Fault("status", status=503, times=2)),
        ({"fault": "cut", "after": None}, Fault("cut")),
        ({"fault": "slow", "seconds": 0.5, "probability": 0.3}, Fault("slow", seconds=0.5, probability=0.3)),
        ({"fault": "down"}, Fault("down")),
    ],
)
def test_a_fault_is_parsed_from_json(value, fault):
    assert parse_fault(value) == fault


@pytest.mark.parametrize(
    "value, field, allowed",
    [
        ([], "body", "JSON object"),
        ({}, "fault", "slow, status, limit, cut, reset, stall, down"),
        ({"fault": "explode"}, "fault", "unknown fault 'explode'; allowed: slow"),
        ({"fault": ["cut"]}, "fault", "allowed: slow"),
        ({"fault": "cut", "status": 500}, "status", "allowed: after, times, probability"),
        ({"fault": "down", "times": 1}, "times", "no options"),
        ({"fault": "status", "status": 99}, "status", ">= 300"),
        ({"fault": "status", "status": "503"}, "status", "Expected `int`, got `str`"),
        ({"fault": "cut", "times": 0}, "times", ">= 1"),
        ({"fault": "cut", "probability": 2}, "probability", "<= 1"),
    ],
)
def test_an_invalid_fault_names_the_member_and_the_allowed_values(value, field, allowed):
    with pytest.raises(InvalidFaultError) as caught:
        parse_fault(value)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ") and allowed in str(caught.value)
