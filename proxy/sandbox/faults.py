"""Fault injection: the ways in which a simulated provider can fail.

`FAULTS` maps each name to its options and to a function that builds the script, that is the steps that send the reply:
a delayed one, an error instead, or one that ends after some events.
"""

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
_COMMON_OPTIONS = ("times", "probability")


class InvalidFaultError(ValueError):
    """The description of a fault is invalid. `field` is the wrong member, the message lists what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request that is to be answered, and the provider's behaviour."""

    call: Call
    simulation: Simulation
    scenario: Scenario

    def reply(self) -> Reply:
        """Return the reply of a healthy provider, which may be an error about the request."""
        try:
            return self.simulation.handle(self.call)
        except SimulatedError as error:
            return self.error_reply(error)
        except (AttributeError, KeyError, TypeError, RecursionError):
            # A nested member of the wrong type, such as a list instead of an object, or one that is nested too deep. Real
            # providers answer 400 as well.
            return self.error_reply(SimulatedError(400, "The body does not have the shape this endpoint takes."))

    def error_reply(self, error: SimulatedError) -> Reply:
        """Return the error in the provider's own format."""
        return self.simulation.render_error(self.call, error)

    def script(self, reply: Reply) -> list[Step]:
        """Return the steps that send the reply, with the delays of the scenario."""
        return reply_script(reply, self.scenario.latency_s, self.scenario.chunk_delay_s)


def healthy_script(request: RequestContext) -> Script:
    """Build the script of a provider without faults."""
    return request.script(request.reply())


def slow(fault: Fault, request: RequestContext) -> Script:
    """Answer completely, but `seconds` late and with `between` seconds between events."""
    slower = replace(request.scenario, chunk_delay_s=request.scenario.chunk_delay_s + fault.between)
    return [Wait(fault.seconds), *healthy_script(replace(request, scenario=slower))]


def status(fault: Fault, request: RequestContext) -> Script:
    """Answer with an error of that status in the provider's own format."""
    if fault.retry_after is None:
        return request.script(request.error_reply(SimulatedError(fault.status)))
    # The rate-limit window too, so that a provider that reports the wait in its body reports the same one.
    window = replace(request.call.window, resets_in_s=float(fault.retry_after))
    reply = replace(request, call=replace(request.call, window=window)).error_reply(SimulatedError(fault.status))
    return request.script(with_headers(reply, {"retry-after": str(fault.retry_after)}))


def limit(fault: Fault, request: RequestContext) -> Script:
    """Answer that many requests a minute, then 429 until the minute has passed."""
    window = replace(request.call.window, request_limit=fault.requests)
    limited = replace(request, call=replace(request.call, window=window))
    if window.requests <= fault.requests:
        return healthy_script(limited)
    retry = {"retry-after": str(math.ceil(window.resets_in_s))}
    return limited.script(with_headers(limited.error_reply(SimulatedError(429)), retry))


def cut(fault: Fault, request: RequestContext) -> Script:
    """Close the connection after that many events."""
    return [*_truncate(healthy_script(request), fault.after), AbruptEnd.CLOSE]


def reset(fault: Fault, request: RequestContext) -> Script:
    """Reset the connection after that many events."""
    return [*_truncate(healthy_script(request), fault.after), AbruptEnd.RESET]


def stall(fault: Fault, request: RequestContext) -> Script:
    """Send nothing after that many events and keep the connection open."""
    return [*_truncate(healthy_script(request), fault.after), AbruptEnd.STALL]


def _truncate(steps: Script, after: int | None) -> list[Step]:
    """Keep the steps up to event number `after`. None keeps only those before the headers.

    A body that is sent in one step is cut in half.
    """
    head = next(at for at, step in enumerate(steps) if isinstance(step, SendHead))
    if after is None:
        return list(steps[:head])
    sends = [at for at, step in enumerate(steps) if isinstance(step, SendBody)]
    if after == 0:
        return list(steps[: head + 1])
    if len(sends) == 1:
        return [_halve(step) for step in steps]
    return list(steps[: sends[min(after, len(sends)) - 1] + 1])


def _halve(step: Step) -> Step:
    return SendBody(step.data[: len(step.data) // 2]) if isinstance(step, SendBody) else step


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault. Without a `script` the port itself is closed."""

    script: Callable[[Fault, RequestContext], Script] | None
    options: tuple[str, ...]
    """The members it has next to `fault`."""


FAULTS: Mapping[str, FaultKind] = {
    "slow": FaultKind(slow, ("seconds", "between", *_COMMON_OPTIONS)),
    "status": FaultKind(status, ("status", "retry_after", *_COMMON_OPTIONS)),
    "limit": FaultKind(limit, ("requests", *_COMMON_OPTIONS)),
    "cut": FaultKind(cut, ("after", *_COMMON_OPTIONS)),
    "reset": FaultKind(reset, ("after", *_COMMON_OPTIONS)),
    "stall": FaultKind(stall, ("after", *_COMMON_OPTIONS)),
    "down": FaultKind(None, ()),
}
"""Name -> kind of fault."""


def closes_port(fault: Fault | None) -> bool:
    """Whether the fault makes the provider refuse connections."""
    return fault is not None and FAULTS[fault.fault].script is None


def build_script(fault: Fault | None, request: RequestContext) -> Script:
    """Build the script of one request, with the fault if there is one."""
    build = FAULTS[fault.fault].script if fault else None
    return build(fault, request) if fault and build else healthy_script(request)


def parse_fault(value: Any) -> Fault:
    """Convert parsed JSON to a fault. Raises InvalidFaultError."""
    if not isinstance(value, dict):
        raise InvalidFaultError(
            "body", f'expected a JSON object, such as {{"fault": "status", "status": 503}}, got {value!r}'
        )
    name = value.get("fault")
    if not isinstance(name, str) or name not in FAULTS:
        raise InvalidFaultError("fault", f"unknown fault {name!r}; allowed: {', '.join(FAULTS)}")
    options = FAULTS[name].options
    for member in value:
        if member != "fault" and member not in options:
            raise InvalidFaultError(
                member, f"not an option of fault {name!r}; allowed: {', '.join(options) or 'no options'}"
            )
    try:
        return msgspec.convert(value, Fault)
    except msgspec.ValidationError as error:
        match = _PATH.match(str(error))
        raise InvalidFaultError(match["field"] if match else "body", match["what"] if match else str(error)) from error
