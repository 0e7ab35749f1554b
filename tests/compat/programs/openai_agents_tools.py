from __future__ import annotations

import os

from trip import BASE_URL, KEY, MODEL, Trip, run

os.environ |= {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": KEY}

from agents import Agent, Runner, function_tool, set_tracing_disabled

set_tracing_disabled(True)
TRIP = {
    "title": "Oslo",
    "start": {"name": "Oslo", "latitude": 59.9, "visited": True},
    "stops": [{"place": {"name": "Bergen", "latitude": 60.4, "visited": False}, "kind": "sea", "nights": 2}],
    "rating": 3,
    "note": None,
}
called: list[str] = []


@function_tool
def get_trip(title: str) -> str:
    """Return a trip."""
    called.append(title)
    return "found"


AGENT = Agent(name="agent", instructions="Find trips.", model=MODEL, tools=[get_trip])


def _trip_if(fine: bool) -> object:
    """Return the trip that every case must have, if the tool was called and its result answered."""
    return Trip.model_validate(TRIP) if fine and called.pop() else None


def whole() -> object:
    return _trip_if("found" in Runner.run_sync(AGENT, "call get_trip").final_output)


def chained() -> object:
    first = Runner.run_sync(AGENT, "call get_trip")
    second = Runner.run_sync(AGENT, "and now?", previous_response_id=first.last_response_id)
    return _trip_if("and now?" in second.final_output)


def sent_back() -> object:
    first = Runner.run_sync(AGENT, "call get_trip")
    again = Runner.run_sync(AGENT, [*first.to_input_list(), {"role": "user", "content": "thanks"}])
    return _trip_if("thanks" in again.final_output)


run({"whole": whole, "chained": chained, "sent back": sent_back})
