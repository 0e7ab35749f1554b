"""The ways a simulated provider can break: a table name -> behaviour, each a function from a turn to a script."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from proxy.sandbox.contract import Call, Reply, SimulatedError, Simulation, with_headers
from proxy.sandbox.scenario import Fault, Scenario
from proxy.sandbox.script import AbruptEnd, Script, SendBody, SendHead, Step, Wait, reply_script

_PATH = re.compile(r"(?P<what>.*) - at `\$\.(?P<field>\w+)`$")
_ALWAYS = ("times", "probability")


class InvalidFaultError(ValueError):
    """A fault that cannot be; `field` is the member at fault, the message says what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request about to be answered."""

    call: Call
    simulation: Simulation
    scenario: Scenario

    def reply(self) -> Reply:
        """What the provider says when nothing is broken."""
        try:
            return self.simulation.handle(self.call)
        except SimulatedError as rejected:
            return self.error_reply(rejected)
        except (AttributeError, KeyError, TypeError):
            # A list where an object belongs, deep in the body: no provider takes it, and no table of shapes is kept.
            return self.error_reply(SimulatedError(400, "The body does not have the shape this endpoint takes."))

    def error_reply(self, rejected: SimulatedError) -> Reply:
        return self.simulation.render_error(self.call, rejected)

    def script(self, reply: Reply) -> list[Step]:
        """The reply at the scenario's pace."""
        return reply_script(reply, self.scenario.latency_s, self.scenario.chunk_delay_s)


def healthy_script(turn: RequestContext) -> Script:
    """Nothing is broken."""
    return turn.script(turn.reply())


def slow(fault: Fault, turn: RequestContext) -> Script:
    """A whole answer, late."""
    pace = replace(turn.scenario, chunk_delay_s=turn.scenario.chunk_delay_s + fault.between)
    return [Wait(fault.seconds), *healthy_script(replace(turn, scenario=pace))]


def status(fault: Fault, turn: RequestContext) -> Script:
    """An error in the provider's own words."""
    if fault.retry_after is None:
        return turn.script(turn.error_reply(SimulatedError(fault.status)))
    # So that what the provider says by other means than the header, in its body say, is the same.
    window = replace(turn.call.window, resets_in_s=float(fault.retry_after))
    reply = replace(turn, call=replace(turn.call, window=window)).error_reply(SimulatedError(fault.status))
    return turn.script(with_headers(reply, {"retry-after": str(fault.retry_after)}))


def limit(fault: Fault, turn: RequestContext) -> Script:
    """So many requests a minute, then 429 until the minute is over."""
    window = replace(turn.call.window, request_limit=fault.requests)
    limited = replace(turn, call=replace(turn.call, window=window))
    if window.requests <= fault.requests:
        return healthy_script(limited)
    retry = {"retry-after": str(math.ceil(window.resets_in_s))}
    return limited.script(with_headers(limited.error_reply(SimulatedError(429)), retry))


def cut(fault: Fault, turn: RequestContext) -> Script:
    """The connection is closed in the middle."""
    return [*_beginning(healthy_script(turn), fault.after), AbruptEnd.CLOSE]


def reset(fault: Fault, turn: RequestContext) -> Script:
    """The connection is reset in the middle."""
    return [*_beginning(healthy_script(turn), fault.after), AbruptEnd.RESET]


def stall(fault: Fault, turn: RequestContext) -> Script:
    """Nothing more comes, and the connection stays."""
    return [*_beginning(healthy_script(turn), fault.after), AbruptEnd.STALL]


def _beginning(steps: Script, after: int | None) -> list[Step]:
    """The steps up to the event number `after`; None: what comes before the headers; one Send alone is halved."""
    head = next(at for at, step in enumerate(steps) if isinstance(step, SendHead))
    if after is None:
        return list(steps[:head])
    sends = [at for at, step in enumerate(steps) if isinstance(step, SendBody)]
    if after == 0:
        return list(steps[: head + 1])
    if len(sends) == 1:
        return [_halved(step) for step in steps]
    return list(steps[: sends[min(after, len(sends)) - 1] + 1])


def _halved(step: Step) -> Step:
    return SendBody(step.data[: len(step.data) // 2]) if isinstance(step, SendBody) else step


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way to break; without a behaviour the port itself is closed."""

    script: Callable[[Fault, RequestContext], Script] | None
    options: tuple[str, ...]
    """The members it takes besides `fault`."""


FAULTS: Mapping[str, FaultKind] = {
    "slow": FaultKind(slow, ("seconds", "between", *_ALWAYS)),
    "status": FaultKind(status, ("status", "retry_after", *_ALWAYS)),
    "limit": FaultKind(limit, ("requests", *_ALWAYS)),
    "cut": FaultKind(cut, ("after", *_ALWAYS)),
    "reset": FaultKind(reset, ("after", *_ALWAYS)),
    "stall": FaultKind(stall, ("after", *_ALWAYS)),
    "down": FaultKind(None, ()),
}


def closes_port(fault: Fault | None) -> bool:
    """Whether the provider cannot even be connected to."""
    return fault is not None and FAULTS[fault.fault].script is None


def build_script(fault: Fault | None, turn: RequestContext) -> Script:
    """The script of one turn, with that fault or none."""
    behaviour = FAULTS[fault.fault].script if fault else None
    return behaviour(fault, turn) if fault and behaviour else healthy_script(turn)


def parse_fault(value: Any) -> Fault:
    """The fault that parsed JSON names. Raises BadFault."""
    if not isinstance(value, dict):
        raise InvalidFaultError(
            "body", f'a JSON object is expected, such as {{"fault": "status", "status": 503}}, got {value!r}'
        )
    name = value.get("fault")
    if not isinstance(name, str) or name not in FAULTS:
        raise InvalidFaultError("fault", f"{name!r} is none; allowed: {', '.join(FAULTS)}")
    options = FAULTS[name].options
    for member in value:
        if member != "fault" and member not in options:
            raise InvalidFaultError(
                member, f"fault {name!r} does not take it; allowed: {', '.join(options) or 'no options'}"
            )
    try:
        return msgspec.convert(value, Fault)
    except msgspec.ValidationError as error:
        found = _PATH.match(str(error))
        raise InvalidFaultError(found["field"] if found else "body", found["what"] if found else str(error)) from error
