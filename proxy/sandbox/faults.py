"""The ways a simulated provider can break: a table name -> behaviour, each a function from a turn to a script."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from proxy.sandbox.contract import Call, Rejected, Reply, Simulation, headed
from proxy.sandbox.scenario import Fault, Scenario
from proxy.sandbox.script import End, Head, Script, Send, Step, Wait, script

_PATH = re.compile(r"(?P<what>.*) - at `\$\.(?P<field>\w+)`$")
_ALWAYS = ("times", "probability")


class BadFault(ValueError):
    """A fault that cannot be; `field` is the member at fault, the message says what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Turn:
    """One request about to be answered."""

    call: Call
    simulation: Simulation
    scenario: Scenario

    def answer(self) -> Reply:
        """What the provider says when nothing is broken."""
        try:
            return self.simulation.answer(self.call)
        except Rejected as rejected:
            return self.reject(rejected)
        except (AttributeError, KeyError, TypeError):
            # A list where an object belongs, deep in the body: no provider takes it, and no table of shapes is kept.
            return self.reject(Rejected(400, "The body does not have the shape this endpoint takes."))

    def reject(self, rejected: Rejected) -> Reply:
        return self.simulation.reject(self.call, rejected)

    def script(self, reply: Reply) -> list[Step]:
        """The reply at the scenario's pace."""
        return script(reply, self.scenario.latency, self.scenario.chunk_delay)


def healthy(turn: Turn) -> Script:
    """Nothing is broken."""
    return turn.script(turn.answer())


def slow(fault: Fault, turn: Turn) -> Script:
    """A whole answer, late."""
    pace = replace(turn.scenario, chunk_delay=turn.scenario.chunk_delay + fault.between)
    return [Wait(fault.seconds), *healthy(replace(turn, scenario=pace))]


def status(fault: Fault, turn: Turn) -> Script:
    """An error in the provider's own words."""
    if fault.retry_after is None:
        return turn.script(turn.reject(Rejected(fault.status)))
    # So that what the provider says by other means than the header, in its body say, is the same.
    window = replace(turn.call.window, resets_in=float(fault.retry_after))
    reply = replace(turn, call=replace(turn.call, window=window)).reject(Rejected(fault.status))
    return turn.script(headed(reply, {"retry-after": str(fault.retry_after)}))


def limit(fault: Fault, turn: Turn) -> Script:
    """So many requests a minute, then 429 until the minute is over."""
    window = replace(turn.call.window, request_limit=fault.requests)
    limited = replace(turn, call=replace(turn.call, window=window))
    if window.requests <= fault.requests:
        return healthy(limited)
    retry = {"retry-after": str(math.ceil(window.resets_in))}
    return limited.script(headed(limited.reject(Rejected(429)), retry))


def cut(fault: Fault, turn: Turn) -> Script:
    """The connection is closed in the middle."""
    return [*_beginning(healthy(turn), fault.after), End.CLOSE]


def reset(fault: Fault, turn: Turn) -> Script:
    """The connection is reset in the middle."""
    return [*_beginning(healthy(turn), fault.after), End.RESET]


def stall(fault: Fault, turn: Turn) -> Script:
    """Nothing more comes, and the connection stays."""
    return [*_beginning(healthy(turn), fault.after), End.STALL]


def _beginning(steps: Script, after: int | None) -> list[Step]:
    """The steps up to the event number `after`; None: what comes before the headers; one Send alone is halved."""
    head = next(at for at, step in enumerate(steps) if isinstance(step, Head))
    if after is None:
        return list(steps[:head])
    sends = [at for at, step in enumerate(steps) if isinstance(step, Send)]
    if after == 0:
        return list(steps[: head + 1])
    if len(sends) == 1:
        return [_halved(step) for step in steps]
    return list(steps[: sends[min(after, len(sends)) - 1] + 1])


def _halved(step: Step) -> Step:
    return Send(step.data[: len(step.data) // 2]) if isinstance(step, Send) else step


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to break; without a behaviour the port itself is closed."""

    behaviour: Callable[[Fault, Turn], Script] | None
    options: tuple[str, ...]
    """The members it takes besides `fault`."""


FAULTS: Mapping[str, Kind] = {
    "slow": Kind(slow, ("seconds", "between", *_ALWAYS)),
    "status": Kind(status, ("status", "retry_after", *_ALWAYS)),
    "limit": Kind(limit, ("requests", *_ALWAYS)),
    "cut": Kind(cut, ("after", *_ALWAYS)),
    "reset": Kind(reset, ("after", *_ALWAYS)),
    "stall": Kind(stall, ("after", *_ALWAYS)),
    "down": Kind(None, ()),
}


def closes_port(fault: Fault | None) -> bool:
    """Whether the provider cannot even be connected to."""
    return fault is not None and FAULTS[fault.fault].behaviour is None


def behave(fault: Fault | None, turn: Turn) -> Script:
    """The script of one turn, with that fault or none."""
    behaviour = FAULTS[fault.fault].behaviour if fault else None
    return behaviour(fault, turn) if fault and behaviour else healthy(turn)


def read_fault(value: Any) -> Fault:
    """The fault that parsed JSON names. Raises BadFault."""
    if not isinstance(value, dict):
        raise BadFault(
            "body", f'a JSON object is expected, such as {{"fault": "status", "status": 503}}, got {value!r}'
        )
    name = value.get("fault")
    if not isinstance(name, str) or name not in FAULTS:
        raise BadFault("fault", f"{name!r} is none; allowed: {', '.join(FAULTS)}")
    options = FAULTS[name].options
    for member in value:
        if member != "fault" and member not in options:
            raise BadFault(member, f"fault {name!r} does not take it; allowed: {', '.join(options) or 'no options'}")
    try:
        return msgspec.convert(value, Fault)
    except msgspec.ValidationError as error:
        found = _PATH.match(str(error))
        raise BadFault(found["field"] if found else "body", found["what"] if found else str(error)) from error
