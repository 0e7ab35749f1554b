from __future__ import annotations

import asyncio

from agents import Agent, OpenAIProvider, RunConfig, Runner, function_tool
from trip import BASE_URL, KEY, MODEL, run

called: list[str] = []


@function_tool
def get_trip(title: str) -> str:
    """Return a trip."""
    called.append(title)
    return "found"


AGENT = Agent(name="agent", instructions="Find trips.", model=MODEL, tools=[get_trip])
CONFIG = RunConfig(model_provider=OpenAIProvider(base_url=BASE_URL, api_key=KEY), tracing_disabled=True)
"""The default provider of the library takes `anthropic/` in a model's name for the name of a provider."""
ASK = "call get_trip"


def is_called() -> bool:
    """Return whether the tool was called since the last time."""
    calls = len(called)
    called.clear()
    return calls > 0


def whole() -> bool:
    result = Runner.run_sync(AGENT, ASK, run_config=CONFIG)
    return is_called() and "found" in result.final_output


def streamed() -> bool:
    async def stream() -> str:
        result = Runner.run_streamed(AGENT, ASK, run_config=CONFIG)
        async for _ in result.stream_events():
            pass
        return str(result.final_output)

    return "found" in asyncio.run(stream()) and is_called()


def chained() -> bool:
    first = Runner.run_sync(AGENT, ASK, run_config=CONFIG)
    second = Runner.run_sync(AGENT, "and now?", run_config=CONFIG, previous_response_id=first.last_response_id)
    return is_called() and "and now?" in second.final_output


def sent_back() -> bool:
    first = Runner.run_sync(AGENT, ASK, run_config=CONFIG)
    again = Runner.run_sync(AGENT, [*first.to_input_list(), {"role": "user", "content": "thanks"}], run_config=CONFIG)
    return is_called() and "thanks" in again.final_output


run({"whole": whole, "streamed": streamed, "chained": chained, "sent back": sent_back})
